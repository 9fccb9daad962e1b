import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as AgentSessionStore from "../../../../src/services/runtimes/acp/AgentSessionStore.ts"
import { temporaryFolder } from "../../../support/GatewayProcess.ts"

const record = (id: string) => ({ id, lastRunId: "run", instruction: "" })

const file = Effect.map(temporaryFolder, (folder) => join(folder, "agent.json"))

describe("AgentSessionStore", () => {
  it.live("A store of a later process has the sessions of the earlier one, and the file is private.", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* AgentSessionStore.make(path)
      yield* Effect.forEach(["a", "b", "c"], (key) => store.set(key, record(key)), { concurrency: 3 })
      yield* store.remove("b")
      const later = yield* AgentSessionStore.make(path)
      expect(yield* later.get("a")).toEqual(record("a"))
      expect(yield* later.get("b")).toBeUndefined()
      expect(yield* later.get("c")).toEqual(record("c"))
      expect(Fs.statSync(path).mode & 0o777).toBe(0o600)
    }),
  )

  it.live.each(["", "{", "[]", '{"sessions":{"a":{"id":1}}}'])("A damaged file (%s) counts as empty.", (content) =>
    Effect.gen(function* () {
      const path = yield* file
      Fs.writeFileSync(path, content)
      const store = yield* AgentSessionStore.make(path)
      expect(yield* store.get("a")).toBeUndefined()
      yield* store.set("a", record("new"))
      expect(yield* (yield* AgentSessionStore.make(path)).get("a")).toEqual(record("new"))
    }),
  )

  it.live("A folder that cannot be written costs a warning only.", () =>
    Effect.gen(function* () {
      const store = yield* AgentSessionStore.make("/nowhere/at/all.json")
      yield* store.set("a", record("kept"))
      expect(yield* store.get("a")).toEqual(record("kept"))
    }),
  )

  it.live("The store forgets the longest unused of more than a thousand sessions.", () =>
    Effect.gen(function* () {
      const path = yield* file
      const sessions = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`s${n}`, record(`s${n}`)]))
      Fs.writeFileSync(path, JSON.stringify({ sessions }))
      const store = yield* AgentSessionStore.make(path)
      yield* store.set("s0", record("again"))
      yield* store.set("new", record("new"))
      expect(yield* store.get("s0")).toEqual(record("again"))
      expect(yield* store.get("s1")).toBeUndefined()
      expect(yield* store.get("s2")).toEqual(record("s2"))
    }),
  )
})
