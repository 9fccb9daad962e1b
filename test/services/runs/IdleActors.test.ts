import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import type { KeptEvent } from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { IdleActors } from "../../../src/services/runs/IdleActors.ts"
import { OpenRuns } from "../../../src/services/runs/OpenRuns.ts"
import * as Database from "../../../src/services/storage/Database.ts"

const services = IdleActors.layer.pipe(
  Layer.provideMerge(OpenRuns.layer),
  Layer.provideMerge(Events.layer),
  Layer.provide(Database.layerMemory),
  Layer.provide(GatewayConfig.layer({})),
  Layer.orDie,
)

const publish = (...published: ReadonlyArray<KeptEvent>) =>
  Effect.flatMap(Events, (events) => events.commit(Effect.succeed([undefined, published])))

const accepted = (sessionKey: string): KeptEvent => ({ _tag: "RunAccepted", sessionKey, runId: "r", agentId: "main" })

const waitFor = (sessionKey: string) =>
  Effect.flatMap(IdleActors, (idle) => Effect.forkChild(idle.untilNext(sessionKey), { startImmediately: true }))

describe("IdleActors", () => {
  it.effect("The acceptance of a turn wakes the actor of its session, after all events of its commit.", () =>
    Effect.gen(function* () {
      const open = yield* OpenRuns
      const actor = yield* waitFor("s")
      const other = yield* waitFor("other")
      const state = Effect.map(Fiber.join(actor), (hasNext) => [hasNext, open.list("s")[0]?.state])
      const woken = yield* Effect.forkChild(state, { startImmediately: true })
      const started: KeptEvent = { _tag: "RunStarted", sessionKey: "s", runId: "r", agentId: "main", attempt: 1 }
      yield* publish(accepted("s"), started)
      expect(yield* Fiber.join(woken)).toEqual([true, "running"])
      expect(other.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(other)
    }).pipe(Effect.provide(services)),
  )

  it.effect("An actor whose session has an open turn does not wait.", () =>
    Effect.gen(function* () {
      yield* publish(accepted("s"))
      expect(yield* Fiber.join(yield* waitFor("s"))).toBe(true)
    }).pipe(Effect.provide(services)),
  )

  it.effect("An actor without a further turn goes after two to four seconds, and so do later ones.", () =>
    Effect.gen(function* () {
      for (const sessionKey of ["first", "second"]) {
        const actor = yield* waitFor(sessionKey)
        yield* TestClock.adjust("1900 millis")
        expect(actor.pollUnsafe()).toBeUndefined()
        yield* TestClock.adjust("2100 millis")
        expect(yield* Fiber.join(actor)).toBe(false)
      }
    }).pipe(Effect.provide(services)),
  )
})
