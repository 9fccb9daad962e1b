/**
 * The methods of agents, bindings, memory, logs and the gateway itself, over the wire that TypeScript clients use.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { VERSION } from "../../src/domain/Version.ts"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import * as TestGateway from "../support/TestGateway.ts"

const layer = TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer({ logLevel: "warn" })))

const calls = Effect.map(GatewayClient, (client) => client.calls)

describe("the methods of the registries", () => {
  it.live("make, show, change and remove an agent", () =>
    Effect.gen(function* () {
      const call = yield* calls
      const luna = yield* call["agents.create"]({ name: "Luna", personality: "calm" })
      expect(luna).toMatchObject({ id: "luna", dmScope: "per-peer", model: "", runtime: "" })
      expect(yield* Effect.flip(call["agents.create"]({ id: "LUNA", name: "x" }))).toMatchObject({
        _tag: "AgentExists",
      })
      expect(yield* call["agents.update"]({ id: "luna", dmScope: "main" })).toMatchObject({ dmScope: "main" })
      const { agents, defaultId } = yield* call["agents.list"]({})
      expect({ defaultId, ids: agents.map(({ id }) => id) }).toEqual({ defaultId: "main", ids: ["main", "luna"] })
      expect(yield* call["agents.delete"]({ id: "luna" })).toEqual({ removedBindings: 0 })
      expect(yield* Effect.flip(call["agents.get"]({ id: "luna" }))).toMatchObject({ _tag: "AgentNotFound" })
      expect(yield* Effect.flip(call["agents.delete"]({ id: "main" }))).toMatchObject({ _tag: "AgentProtected" })
    }).pipe(Effect.provide(layer)),
  )

  it.live("bind conversations to an agent, and find it by them", () =>
    Effect.gen(function* () {
      const call = yield* calls
      yield* call["agents.create"]({ name: "Luna" })
      const binding = yield* call["bindings.set"]({ agentId: "Luna", matchKey: "peer_id", matchValue: "telegram:42" })
      expect(binding).toMatchObject({ agentId: "luna", tier: 1, priority: 0 })
      const resolved = yield* call["sessions.resolve"]({ channel: "telegram", peerId: "42" })
      expect(resolved).toMatchObject({ agentId: "luna", sessionKey: "agent:luna:direct:42", binding })
      expect((yield* call["bindings.list"]({})).bindings).toEqual([binding])
      const { agentId, matchKey, matchValue } = binding
      expect(yield* call["bindings.remove"]({ agentId, matchKey, matchValue })).toEqual({ removed: true })
      expect(yield* call["sessions.resolve"]({ channel: "telegram", peerId: "42" })).toMatchObject({ agentId: "main" })
    }).pipe(Effect.provide(layer)),
  )
})

describe("the methods of memory and logs", () => {
  it.live("write, read and list documents", () =>
    Effect.gen(function* () {
      const call = yield* calls
      const document = yield* call["memory.write"]({ id: "today", content: "# Today", create: true })
      expect(yield* call["memory.read"]({ id: "today" })).toEqual({ ...document, content: "# Today" })
      expect((yield* call["memory.list"]({})).documents).toEqual([document])
      const again = call["memory.write"]({ id: "today", content: "", create: true })
      expect(yield* Effect.flip(again)).toMatchObject({ _tag: "DocumentExists" })
    }).pipe(Effect.provide(layer)),
  )

  it.live("show the log without its secrets", () =>
    Effect.gen(function* () {
      const call = yield* calls
      yield* Effect.logWarning(`somebody sent ${TestGateway.TOKEN}`)
      const { entries, head, truncated } = yield* call["logs.tail"]({ level: "warn" })
      expect(entries.at(-1)).toMatchObject({ level: "warn", message: "somebody sent <redacted>", id: head })
      expect(truncated).toBe(false)
      expect((yield* call["logs.tail"]({ after: head })).entries).toEqual([])
    }).pipe(Effect.provide(layer)),
  )
})

describe("the gateway's own methods", () => {
  it.live("tell how it is, what it holds and which models there are", () =>
    Effect.gen(function* () {
      const call = yield* calls
      expect(yield* call.health({})).toMatchObject({ state: "healthy", version: VERSION })
      expect(yield* call.status({})).toMatchObject({ connections: 1, agents: 1, sessions: 0 })
      expect((yield* call["models.list"]({})).models).toMatchObject([{ id: "echo" }])
      expect((yield* call.ping({})).at).toBeGreaterThan(1_600_000_000_000)
    }).pipe(Effect.provide(layer)),
  )
})
