/** Calls the methods of agents, bindings, memory, logs and the gateway itself with the typed client. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { VERSION } from "../../src/domain/Version.ts"
import * as TestGateway from "../support/TestGateway.ts"

const layer = TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer({ logLevel: "warn" })))

const calls = Effect.map(GatewayClient, (client) => client.calls)
type Calls = GatewayClient["Service"]["calls"]

describe("Methods", () => {
  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("`agents.create` fills in the defaults of an agent.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        expect(yield* call["agents.create"]({ name: "Luna", personality: "calm" })).toMatchObject({
          id: "luna",
          dmScope: "per-peer",
          model: "",
          runtime: "",
        })
      }),
    )

    it.effect("`agents.update` returns the changed agent.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        yield* call["agents.create"]({ name: "Sage" })
        expect(yield* call["agents.update"]({ id: "sage", dmScope: "main" })).toMatchObject({ dmScope: "main" })
        expect(yield* call["agents.get"]({ id: "sage" })).toMatchObject({ dmScope: "main" })
      }),
    )

    it.effect("`agents.list` contains the default agent first, and the new agents after it.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        yield* call["agents.create"]({ name: "Nova" })
        const { agents, defaultId } = yield* call["agents.list"]({})
        expect([defaultId, agents[0]?.id, agents.at(-1)?.id]).toEqual(["main", "main", "nova"])
      }),
    )

    it.effect("`agents.delete` removes an agent.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        yield* call["agents.create"]({ name: "Brief" })
        expect(yield* call["agents.delete"]({ id: "brief" })).toEqual({ removedBindings: 0 })
        expect(yield* Effect.flip(call["agents.get"]({ id: "brief" }))).toMatchObject({ _tag: "AgentNotFound" })
      }),
    )

    const failures = [
      {
        name: "agents.create with an id that exists",
        error: "AgentExists",
        call: (call: Calls) => call["agents.create"]({ id: "MAIN", name: "x" }),
      },
      {
        name: "agents.get of an unknown agent",
        error: "AgentNotFound",
        call: (call: Calls) => call["agents.get"]({ id: "nobody" }),
      },
      {
        name: "agents.delete of the default agent",
        error: "AgentProtected",
        call: (call: Calls) => call["agents.delete"]({ id: "main" }),
      },
    ]
    it.effect.each(failures)("A call of $name fails with its error.", ({ call, error }) =>
      Effect.gen(function* () {
        const result: Effect.Effect<unknown, { readonly _tag: string }> = call(yield* calls)
        expect((yield* Effect.flip(result))._tag).toBe(error)
      }),
    )

    it.effect("A binding decides which agent a conversation resolves to, until it is removed.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        yield* call["agents.create"]({ name: "Bound" })
        const binding = yield* call["bindings.set"]({
          agentId: "Bound",
          matchKey: "peer_id",
          matchValue: "telegram:42",
        })
        expect(binding).toMatchObject({ agentId: "bound", tier: 1, priority: 0 })
        expect((yield* call["bindings.list"]({})).bindings).toEqual([binding])
        const route = { channel: "telegram", peerId: "42" }
        expect(yield* call["sessions.resolve"](route)).toMatchObject({
          agentId: "bound",
          sessionKey: "agent:bound:direct:42",
          binding,
        })
        const { agentId, matchKey, matchValue } = binding
        expect(yield* call["bindings.remove"]({ agentId, matchKey, matchValue })).toEqual({ removed: true })
        expect(yield* call["sessions.resolve"](route)).toMatchObject({ agentId: "main" })
      }),
    )

    it.effect("`memory.write` stores a document that `memory.read` and `memory.list` return.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        const document = yield* call["memory.write"]({ id: "today", content: "# Today", create: true })
        expect(yield* call["memory.read"]({ id: "today" })).toEqual({ ...document, content: "# Today" })
        expect((yield* call["memory.list"]({})).documents).toContainEqual(document)
      }),
    )

    it.effect("`memory.write` with create fails if the document exists.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        const create = call["memory.write"]({ id: "twice", content: "", create: true })
        yield* create
        expect(yield* Effect.flip(create)).toMatchObject({ _tag: "DocumentExists" })
      }),
    )

    it.effect("`logs.tail` shows log entries without secrets, and only new ones after a position.", () =>
      Effect.gen(function* () {
        const call = yield* calls
        yield* Effect.logWarning(`somebody sent ${TestGateway.TOKEN}`)
        const { entries, head, truncated } = yield* call["logs.tail"]({ level: "warn" })
        expect(entries.at(-1)).toMatchObject({ level: "warn", message: "somebody sent <redacted>", id: head })
        expect(truncated).toBe(false)
        expect((yield* call["logs.tail"]({ after: head })).entries).toEqual([])
      }),
    )

    const facts = [
      { method: "health", result: { state: "healthy", version: VERSION } },
      { method: "status", result: { connections: 1, sessions: 0 } },
      { method: "models.list", result: { models: [{ id: "echo" }] } },
      { method: "ping", result: { at: expect.any(Number) } },
    ] as const
    it.effect.each(facts)("$method describes the gateway.", ({ method, result }) =>
      Effect.gen(function* () {
        const call = yield* calls
        expect(yield* call[method]({})).toMatchObject(result)
      }),
    )
  })
})
