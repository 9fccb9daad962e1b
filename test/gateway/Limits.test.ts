/** The limits on sessions, queued runs, agents, bindings and documents. */
import { describe, expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import { LimitReached } from "../../src/domain/LimitReached.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import { Bindings } from "../../src/services/agents/Bindings.ts"
import * as Database from "../../src/services/storage/Database.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Memory } from "../../src/services/memory/Memory.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { Sessions } from "../../src/services/sessions/Sessions.ts"
import { ask, layer, principal } from "../support/Conversations.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import { staged } from "../support/StagedRuntime.ts"

const limits = { sessions: 2, queuedRuns: 2, agents: 2, bindings: 2, documents: 2 }
const gateway = layer({ config: { limits } })

const limitReached = (limit: keyof typeof limits) => LimitReached.of(limit, 2)

describe("limits.sessions", () => {
  it.live("Sessions are bounded for every way to make one.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      yield* ask("hello", "a")
      yield* sessions.create({ key: "b" })
      const send = runs.accept({ text: "hello", sessionKey: "c", idempotencyKey: "key" }, principal)
      const inject = runs.inject({ sessionKey: "c", text: "note", role: "system" })
      for (const make of [send, inject, sessions.create({ key: "c" })]) {
        const error = yield* Effect.flip(Effect.asVoid<unknown, unknown, never>(make))
        expect(error).toEqual(limitReached("sessions"))
      }
      expect(sessions.find("c")).toBeUndefined()
      expect(yield* ask("again", "a")).toMatchObject({ state: "done" })
      yield* runs.inject({ sessionKey: "b", text: "note", role: "system" })
      expect(yield* Effect.flip(sessions.create({ key: "b" }))).toMatchObject({ _tag: "SessionExists" })
      yield* sessions.remove("b")
      expect(yield* send).toMatchObject({ duplicate: false })
    }).pipe(Effect.provide(gateway)),
  )
})

describe("limits.queuedRuns", () => {
  it.live("Queued runs are bounded over all sessions, and a run that starts frees a place.", () => {
    const { next, runtime } = staged()
    const config = { runtime: "staged", limits: { queuedRuns: 2 }, runs: { concurrent: 1 } }
    return Effect.gen(function* () {
      const runs = yield* Runs
      const send = (sessionKey: string) => runs.accept({ text: "x", sessionKey }, principal)
      yield* send("a")
      const first = yield* next
      yield* send("a")
      yield* send("b")
      expect(yield* Effect.flip(send("c"))).toEqual(limitReached("queuedRuns"))
      expect(runs.counts()).toMatchObject({ running: 1, waiting: 2 })
      yield* first.end
      yield* next
      expect(yield* send("c")).toMatchObject({ duplicate: false })
      expect(yield* Effect.flip(send("d"))).toEqual(limitReached("queuedRuns"))
      yield* runs.abort("a")
      yield* runs.abort("c")
      expect(yield* send("d")).toMatchObject({ duplicate: false })
    }).pipe(Effect.provide(layer({ config, runtimes: [runtime] })))
  })
})

describe("limits.agents", () => {
  it.live("Agents besides main are bounded.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      for (const name of ["a", "b"]) yield* agents.create({ name })
      expect(yield* Effect.flip(agents.create({ name: "c" }))).toEqual(limitReached("agents"))
      expect(yield* Effect.flip(agents.create({ name: "b" }))).toMatchObject({ _tag: "AgentExists" })
      yield* agents.update("b", { name: "B" })
      yield* agents.remove("b")
      yield* agents.create({ name: "c" })
    }).pipe(Effect.provide(gateway)),
  )
})

describe("limits.bindings", () => {
  it.live("Bindings are bounded, and existing ones can be changed.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const of = (matchValue: string, priority = 0) =>
        bindings.set({ agentId: "main", matchKey: "channel", matchValue, priority })
      yield* of("a")
      yield* of("b")
      expect(yield* Effect.flip(of("c"))).toEqual(limitReached("bindings"))
      expect(yield* of("b", 1)).toMatchObject({ priority: 1 })
      yield* bindings.remove({ agentId: "main", matchKey: "channel", matchValue: "a" })
      yield* of("c")
    }).pipe(Effect.provide(gateway)),
  )
})

describe("limits.documents", () => {
  it.live("Documents are bounded, and existing ones can be written.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.gen(function* () {
        const memory = yield* Memory
        yield* memory.write("a", "a")
        yield* memory.write("b", "b")
        expect(yield* Effect.flip(memory.write("c", "c"))).toEqual(limitReached("documents"))
        expect(yield* memory.write("b", "bb")).toMatchObject({ size: 2 })
        expect((yield* memory.list).map(({ id }) => id).toSorted()).toEqual(["a", "b"])
      }).pipe(
        Effect.provide(
          Memory.layerFolder(folder).pipe(
            Layer.provide(Events.layer),
            Layer.provide(Database.layerMemory),
            Layer.provide(GatewayConfig.layer({ limits })),
            Layer.provide(NodeServices.layer),
          ),
        ),
      )
    }).pipe(Effect.scoped),
  )
})

describe("LimitReached", () => {
  it("The error names the limit and the next step.", () => {
    expect(limitReached("bindings").message).toBe(
      "the gateway holds 2 bindings at most: remove some, or raise limits.bindings",
    )
  })
})
