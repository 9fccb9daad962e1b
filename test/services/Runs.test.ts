import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../src/services/Runs.ts"
import { Sessions } from "../../src/services/Sessions.ts"
import { ask, layer } from "../support/Conversations.ts"

describe("a run", () => {
  it.live("answers, and its session holds the question and the reply", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const run = yield* ask("hello there", "s")
      expect(run).toMatchObject({ state: "done", reply: "echo: hello there", attempt: 1 })
      const { messages } = yield* sessions.history("s", { limit: 10 })
      expect(messages.map(({ role, text }) => [role, text])).toEqual([
        ["user", "hello there"],
        ["assistant", "echo: hello there"],
      ])
      expect(sessions.find("s")).toMatchObject({ activity: "idle", messageCount: 2, lastMessage: "echo: hello there" })
      const runs = yield* Runs
      expect(runs.counts()).toEqual({ running: 0, waiting: 0, limit: 4 })
    }).pipe(Effect.provide(layer())),
  )
})
