import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Schema from "effect/Schema"
import { GatewayConfig, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { RuntimeFailed } from "../../../src/domain/Run.ts"
import type { Model } from "../../../src/domain/Model.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"

const model = (runtime: string, id: string): Model => ({ id, name: id, runtime, contextWindow: null })

const runtime = (name: string, models: AgentRuntime["models"] = [model(name, `${name}-1`)]): AgentRuntime => ({
  name,
  models,
  run: () => Stream.empty,
})

const modelIds = Effect.flatMap(AgentRuntimes, ({ models }) =>
  Effect.map(models, (models) => models.map(({ id }) => id)),
)

const registry = Layer.provide(AgentRuntimes.layer, GatewayConfig.layer({ model: "old/one" }))

const withRuntimes = (...runtimes: ReadonlyArray<AgentRuntime>) =>
  Effect.provide(AgentRuntimes.add(...runtimes).pipe(Layer.provideMerge(registry), Layer.provide(Logger.layer([]))))

describe("AgentRuntimes", () => {
  it.effect("Merged Layers keep every runtime.", () =>
    Effect.gen(function* () {
      const runtimes = yield* AgentRuntimes
      expect(runtimes.names()).toEqual(["one", "two", "three"])
      expect(runtimes.get("one")?.name).toBe("one")
      expect(runtimes.get("four")).toBeUndefined()
      expect(yield* modelIds).toEqual(["one-1", "two-1", "three-1"])
    }).pipe(
      Effect.provide(
        Layer.mergeAll(AgentRuntimes.add(runtime("one")), AgentRuntimes.add(runtime("two"), runtime("three"))).pipe(
          Layer.provideMerge(registry),
        ),
      ),
    ),
  )

  it.effect("Two runtimes with one name are a defect that names them.", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(AgentRuntimes.add(runtime("one")))))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain(
        'Two runtimes have the name "one". Give one of them another name.',
      )
    }).pipe(withRuntimes(runtime("one"))),
  )

  it.effect("A runtime leaves the registry when its scope closes.", () =>
    Effect.gen(function* () {
      const runtimes = yield* AgentRuntimes
      yield* Effect.scoped(
        Effect.andThen(
          runtimes.add(runtime("two")),
          Effect.sync(() => expect(runtimes.names()).toEqual(["one", "two"])),
        ),
      )
      expect(runtimes.names()).toEqual(["one"])
    }).pipe(withRuntimes(runtime("one"))),
  )

  it.effect("The registry keeps discovered models for a minute.", () => {
    let discoveries = 0
    const models = Effect.sync(() => [model("one", `found-${++discoveries}`)])
    return Effect.gen(function* () {
      expect(yield* modelIds).toEqual(["found-1"])
      yield* TestClock.adjust("59 seconds")
      expect(yield* modelIds).toEqual(["found-1"])
      yield* TestClock.adjust("1 second")
      expect(yield* modelIds).toEqual(["found-2"])
    }).pipe(withRuntimes(runtime("one", models)))
  })

  it.effect("A runtime that fails to list its models keeps its last list and hides no other runtime.", () => {
    let discover: Exit.Exit<ReadonlyArray<Model>, RuntimeFailed> = Exit.succeed([model("one", "found")])
    const models = Effect.suspend(() => discover)
    return Effect.gen(function* () {
      expect(yield* modelIds).toEqual(["found", "two-1"])
      discover = Exit.fail(new RuntimeFailed({ runtime: "one", detail: "no network" }))
      yield* TestClock.adjust("1 minute")
      expect(yield* modelIds).toEqual(["found", "two-1"])
      discover = Exit.die(new Error("bug"))
      yield* TestClock.adjust("1 minute")
      expect(yield* modelIds).toEqual(["found", "two-1"])
    }).pipe(withRuntimes(runtime("one", models), runtime("two")))
  })

  it.effect("A runtime that does not answer delays the list by at most 5 seconds.", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const models = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      yield* Effect.gen(function* () {
        const list = yield* Effect.forkChild(modelIds)
        yield* Deferred.await(asked)
        yield* TestClock.adjust("5 seconds")
        expect(yield* Fiber.join(list)).toEqual(["two-1"])
      }).pipe(withRuntimes(runtime("one", models), runtime("two")))
    }),
  )

  it.effect("A reload changes the default model, and reaches the runtimes.", () => {
    const reached: Array<string> = []
    const reloading = { ...runtime("one"), reload: ({ model }: GatewaySettings) => void reached.push(model) }
    return Effect.gen(function* () {
      const { defaultModel, reload } = yield* AgentRuntimes
      expect(defaultModel()).toBe("old/one")
      reload(yield* Schema.decodeEffect(GatewaySettings)({ model: "new/one" }))
      expect(defaultModel()).toBe("new/one")
      expect(reached).toEqual(["new/one"])
    }).pipe(withRuntimes(reloading, runtime("two")))
  })
})
