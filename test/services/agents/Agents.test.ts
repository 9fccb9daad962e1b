import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Bindings } from "../../../src/services/agents/Bindings.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import { publishedBy } from "../../support/Published.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const on = <A>(database: Layer.Layer<Layer.Success<typeof TestDatabase.layer> | A, never, GatewayConfig>) =>
  Events.layer.pipe(Layer.provideMerge(database), Layer.provideMerge(GatewayConfig.layer({})))
const storage = on(TestDatabase.layer)
const registry = Layer.mergeAll(Agents.layer, Bindings.layer)
const layer = registry.pipe(Layer.provideMerge(storage))

const ids = Effect.map(Agents, (agents) => agents.all().map(({ id }) => id))

describe("Agents", () => {
  it.effect("The agent main exists from the first start.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      expect(yield* ids).toEqual(["main"])
      expect(yield* agents.get("main")).toMatchObject({ id: "main", dmScope: "per-peer", personality: "" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A second start finds main as the first one left it.", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(Agents, (agents) => agents.update("main", { name: "Mona" })).pipe(
        Effect.provide(Agents.layer),
      )
      const again = yield* Effect.flatMap(Agents, (agents) => agents.get("main")).pipe(
        Effect.provide(Layer.fresh(Agents.layer)),
      )
      expect(again.name).toBe("Mona")
    }).pipe(Effect.provide(storage)),
  )

  it.effect("The list has main first, then the other agents in the order of creation, also after a restart.", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const agents = yield* Agents
        yield* agents.create({ name: "Zoe" })
        yield* agents.create({ name: "Ada" })
        yield* agents.update("zoe", { name: "Zoé" })
        expect(yield* ids).toEqual(["main", "zoe", "ada"])
      }).pipe(Effect.provide(Agents.layer))
      expect(yield* ids.pipe(Effect.provide(Layer.fresh(Agents.layer)))).toEqual(["main", "zoe", "ada"])
    }).pipe(Effect.provide(storage)),
  )

  it.effect("The settings that an agent need not have survive a restart.", () =>
    Effect.gen(function* () {
      const settings = {
        fallbacks: ["local/llama", "echo"],
        documents: ["house-rules"],
        tools: { "*": "allow", http_fetch: "ask" },
        thinking: "high",
        queue: "steer",
      } as const
      yield* Effect.flatMap(Agents, (agents) => agents.create({ name: "Zoe", ...settings })).pipe(
        Effect.provide(Agents.layer),
      )
      const again = yield* Effect.flatMap(Agents, (agents) => agents.update("zoe", { queue: "collect" })).pipe(
        Effect.provide(Layer.fresh(Agents.layer)),
      )
      expect(again).toMatchObject({ ...settings, queue: "collect" })
    }).pipe(Effect.provide(storage)),
  )

  it.effect("An agent without an id gets one from its name, and an id in use is refused.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      expect((yield* agents.create({ name: "Luna Lovegood!" })).id).toBe("luna-lovegood")
      const error = yield* Effect.flip(agents.create({ id: "luna-lovegood", name: "Another" }))
      expect(error).toMatchObject({ _tag: "AgentExists", agentId: "luna-lovegood" })
      expect((yield* agents.get("luna-lovegood")).name).toBe("Luna Lovegood!")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A change returns when lists show it, and publishes one event.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const events = yield* publishedBy(
        Effect.gen(function* () {
          const luna = yield* agents.create({ name: "Luna", model: "a" })
          expect(agents.all()).toContainEqual(luna)
          const changed = yield* agents.update("luna", { model: "b" })
          expect(agents.all()).toContainEqual(changed)
          yield* agents.update("luna", { model: "b" })
        }),
      )
      expect(events.map((event) => event._tag === "AgentChanged" && event.agent.model)).toEqual(["a", "b"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("An update changes the given settings and keeps the others.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const before = yield* agents.create({ name: "Luna", personality: "calm", dmScope: "main" })
      const after = yield* agents.update("luna", { personality: "wild" })
      expect(after).toEqual({ ...before, personality: "wild" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Removing an agent removes its bindings and publishes the bindings first.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const bindings = yield* Bindings
      yield* agents.create({ name: "Luna" })
      const removed = [
        yield* bindings.set({ agentId: "luna", matchKey: "channel", matchValue: "telegram" }),
        yield* bindings.set({ agentId: "luna", matchKey: "channel", matchValue: "slack" }),
      ]
      const kept = yield* bindings.set({ agentId: "main" })
      const events = yield* publishedBy(Effect.map(agents.remove("luna"), (count) => expect(count).toBe(2)))
      expect(events).toEqual([
        { _tag: "BindingsChanged", set: [], removed },
        { _tag: "AgentRemoved", agentId: "luna" },
      ])
      expect(bindings.all()).toEqual([kept])
      expect(yield* ids).toEqual(["main"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The agent main cannot be removed, and an unknown agent is AgentNotFound.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      expect(yield* Effect.flip(agents.remove("main"))).toMatchObject({ _tag: "AgentProtected" })
      expect(yield* Effect.flip(agents.remove("nobody"))).toMatchObject({ _tag: "AgentNotFound", agentId: "nobody" })
      expect(yield* Effect.flip(agents.update("nobody", {}))).toMatchObject({ _tag: "AgentNotFound" })
      expect(yield* Effect.flip(agents.get("nobody"))).toMatchObject({ _tag: "AgentNotFound" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Of two simultaneous creations with one id, one succeeds.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const make = Effect.result(agents.create({ name: "Luna" }))
      const results = yield* Effect.all([make, make], { concurrency: 2 })
      expect(results.map(({ _tag }) => _tag).toSorted()).toEqual(["Failure", "Success"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A change that the disk refuses changes nothing and publishes nothing.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const { db } = yield* Sqlite
      db.exec("PRAGMA query_only = ON")
      const events = yield* publishedBy(
        Effect.map(Effect.flip(agents.create({ name: "Luna" })), (error) =>
          expect(error._tag).toBe("StorageUnavailable"),
        ),
      )
      db.exec("PRAGMA query_only = OFF")
      expect(events).toEqual([])
      expect(yield* ids).toEqual(["main"])
    }).pipe(Effect.provide(registry.pipe(Layer.provideMerge(on(TestDatabase.layerSqlite))))),
  )
})
