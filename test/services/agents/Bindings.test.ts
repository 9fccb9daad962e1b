import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Binding } from "../../../src/domain/Binding.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Bindings } from "../../../src/services/agents/Bindings.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const storage = Events.layer.pipe(Layer.provideMerge(TestDatabase.layer), Layer.provideMerge(GatewayConfig.layer({})))
const layer = Layer.mergeAll(Agents.layer, Bindings.layer).pipe(Layer.provideMerge(storage))

const values = (bindings: ReadonlyArray<Binding>) => bindings.map(({ matchValue }) => matchValue)

describe("Bindings", () => {
  it.effect("A binding without a key is the default binding.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const binding = { agentId: "main", tier: 5, matchKey: "default", matchValue: "*", priority: 0 }
      expect(yield* bindings.set({ agentId: "main" })).toEqual(binding)
      expect(bindings.all()).toEqual([binding])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A binding without a tier gets the tier of its key.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const tier = (matchKey: Binding["matchKey"]) =>
        Effect.map(bindings.set({ agentId: "main", matchKey, matchValue: "x" }), (binding) => binding.tier)
      expect(yield* Effect.forEach(["peer_id", "guild_id", "account_id", "channel", "default"] as const, tier)).toEqual(
        [1, 2, 3, 4, 5],
      )
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A tier that contradicts the key is refused, because such a binding never matches.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const error = yield* Effect.flip(bindings.set({ agentId: "main", tier: 5, matchKey: "peer_id", matchValue: "1" }))
      expect(error).toMatchObject({ _tag: "BindingUnreachable", tier: 5, matchKey: "peer_id" })
      expect(bindings.all()).toEqual([])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A binding to an unknown agent is refused.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      expect(yield* Effect.flip(bindings.set({ agentId: "nobody" }))).toMatchObject({ _tag: "AgentNotFound" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The list has the order in which routing tries the bindings, also after a restart.", () =>
    Effect.gen(function* () {
      const expected = ["7", "vip", "first", "second", "*"]
      yield* Effect.gen(function* () {
        const bindings = yield* Bindings
        yield* bindings.set({ agentId: "main" })
        yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "first" })
        yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "second" })
        yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "vip", priority: 9 })
        yield* bindings.set({ agentId: "main", matchKey: "peer_id", matchValue: "7" })
        expect(values(bindings.all())).toEqual(expected)
      }).pipe(Effect.provide(Layer.provide(Bindings.layer, Agents.layer)))
      const again = yield* Effect.map(Bindings, (bindings) => bindings.all()).pipe(
        Effect.provide(Layer.fresh(Bindings.layer)),
      )
      expect(values(again)).toEqual(expected)
    }).pipe(Effect.provide(Agents.layer), Effect.provide(storage)),
  )

  it.effect("Setting a binding again changes its priority and adds no second one.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "a" })
      yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "b" })
      yield* bindings.set({ agentId: "main", matchKey: "channel", matchValue: "a", priority: -1 })
      expect(bindings.all().map(({ matchValue, priority }) => [matchValue, priority])).toEqual([
        ["b", 0],
        ["a", -1],
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Setting a binding to its present state publishes no event.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const events = yield* Events
      yield* bindings.set({ agentId: "main" })
      const before = events.head()
      yield* bindings.set({ agentId: "main" })
      expect(events.head()).toEqual(before)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Remove returns whether the binding existed.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const { agentId, matchKey, matchValue } = yield* bindings.set({ agentId: "main" })
      expect(yield* bindings.remove({ agentId, matchKey, matchValue })).toBe(true)
      expect(yield* bindings.remove({ agentId, matchKey, matchValue })).toBe(false)
      expect(bindings.all()).toEqual([])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Each event holds the changed binding, not the whole list.", () =>
    Effect.gen(function* () {
      const bindings = yield* Bindings
      const { query } = yield* TestDatabase.TestDatabase
      for (let n = 0; n < 200; n++) yield* bindings.set({ agentId: "main", matchKey: "peer_id", matchValue: `${n}` })
      expect(bindings.all().length).toBe(200)
      const [written] = yield* query("SELECT sum(length(event)) AS characters FROM events")
      expect(Number(written?.["characters"])).toBeLessThan(40_000)
    }).pipe(Effect.provide(layer)),
  )

  const Change = Schema.Struct({
    does: Schema.Literals(["set", "remove"]),
    matchKey: Schema.Literals(["peer_id", "channel"]),
    matchValue: Schema.Literals(["a", "b", "c"]),
    priority: Schema.Literals([0, 1]),
  })

  it.effect.prop(
    "After any changes, memory agrees with storage.",
    [Schema.Array(Change)],
    ([changes]) =>
      Effect.gen(function* () {
        const before = yield* Effect.gen(function* () {
          const bindings = yield* Bindings
          for (const { does, matchKey, matchValue, priority } of changes) {
            const key = { agentId: "main", matchKey, matchValue }
            yield* does === "set" ? bindings.set({ ...key, priority }) : bindings.remove(key)
          }
          return bindings.all()
        }).pipe(Effect.provide(Layer.provide(Bindings.layer, Agents.layer)))
        const after = yield* Effect.map(Bindings, (bindings) => bindings.all()).pipe(
          Effect.provide(Layer.fresh(Bindings.layer)),
        )
        expect(after).toEqual(before)
      }).pipe(Effect.provide(Agents.layer), Effect.provide(storage)),
    { arbitrary: { runs: TestDatabase.PROPERTY_RUNS } },
  )
})
