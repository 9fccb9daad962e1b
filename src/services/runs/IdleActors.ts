/**
 * IdleActors: the actors of sessions that have run their turns and wait some seconds for the next one. A call through the
 * cluster costs more than a wake-up, and the next message of a conversation often comes soon. SessionActor uses it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { Events } from "../events/Events.ts"
import { OpenRuns } from "./OpenRuns.ts"

/** An actor waits for at least this time, and for at most twice as long. */
const PERIOD = "2 seconds"

type Wake = (hasNext: boolean) => void

export class IdleActors extends Context.Service<
  IdleActors,
  {
    /** Returns true as soon as the session has an open turn, or false if none has come in some seconds. */
    untilNext(sessionKey: string): Effect.Effect<boolean>
  }
>()("causeway/services/runs/IdleActors") {
  static readonly layer: Layer.Layer<IdleActors, never, Events | OpenRuns> = Layer.effect(
    IdleActors,
    Effect.gen(function* () {
      const events = yield* Events
      // Its observer comes before the one below, so a woken actor finds the turn.
      const open = yield* OpenRuns
      const waiting = new WaitingActors()

      yield* events.onEvent(({ event }) => {
        if (event._tag === "RunAccepted") waiting.wake(event.sessionKey)
      })
      const endPeriods = Effect.whileLoop({
        while: () => waiting.size > 0,
        body: () => Effect.sleep(PERIOD),
        step: () => waiting.endPeriod(),
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(waiting.some.await, endPeriods)))

      return IdleActors.of({
        untilNext: (sessionKey) =>
          Effect.callback<boolean>((resume) => {
            if (open.first(sessionKey) !== undefined) return resume(Effect.succeed(true))
            // The acceptance wakes the actor before the other events of its commit are published.
            const wake = (hasNext: boolean) =>
              resume(hasNext ? Effect.as(Effect.yieldNow, true) : Effect.succeed(false))
            waiting.add(sessionKey, wake)
            return Effect.sync(() => waiting.remove(sessionKey))
          }),
      })
    }),
  )
}

/** The waiting actors by session. One timer serves all of them. */
class WaitingActors {
  /** Open while actors wait. */
  readonly some = Latch.makeUnsafe(false)
  /** Those that have come in this period. */
  #newer = new Map<string, Wake>()
  /** Those that have come in the period before. */
  #older = new Map<string, Wake>()

  get size(): number {
    return this.#newer.size + this.#older.size
  }

  add(sessionKey: string, wake: Wake): void {
    this.#newer.set(sessionKey, wake)
    this.some.openUnsafe()
  }

  remove(sessionKey: string): void {
    this.#newer.delete(sessionKey)
    this.#older.delete(sessionKey)
    if (this.size === 0) this.some.closeUnsafe()
  }

  wake(sessionKey: string): void {
    const wake = this.#newer.get(sessionKey) ?? this.#older.get(sessionKey)
    if (wake === undefined) return
    this.remove(sessionKey)
    wake(true)
  }

  /** Lets those go that have waited for the whole period. */
  endPeriod(): void {
    const gone = this.#older
    this.#older = this.#newer
    this.#newer = new Map()
    if (this.size === 0) this.some.closeUnsafe()
    for (const wake of gone.values()) wake(false)
  }
}
