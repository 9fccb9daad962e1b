/**
 * Doorbells: sees to it that a session with open turns has an actor that serves them. The turns table is the promise, so
 * a doorbell is not kept anywhere: it rings when a turn has been accepted, at every start, and again for as long as
 * turns are open, whatever became of the actor. It knows neither what a turn is nor who sent it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Sharding from "effect/cluster/Sharding"
import { Events } from "../events/Events.ts"
import { SessionEntity } from "./SessionEntity.ts"
import { Transcript } from "../transcript/Transcript.ts"

/** Before an actor that failed is rung for again. */
const PAUSE = "1 second"

export const layer: Layer.Layer<never, never, Events | Sharding.Sharding | Transcript> = Layer.effectDiscard(
  Effect.gen(function* () {
    const events = yield* Events
    const { turns } = yield* Transcript
    const actorOf = yield* SessionEntity.client
    const scope = yield* Effect.scope
    const runFork = Effect.runForkWith(yield* Effect.context())
    const ringing = new Set<string>()

    /** Until there is nothing to do: looked at in the same step in which the bell goes silent, so that none is missed. */
    const serve = Effect.fnUntraced(function* (sessionKey: string) {
      while (turns.first(sessionKey) !== undefined) {
        const exit = yield* Effect.exit(actorOf(sessionKey).serve())
        if (Exit.isSuccess(exit)) continue
        // An actor that was about to fall asleep is interrupted; the next one is awake.
        if (!Cause.hasInterruptsOnly(exit.cause)) yield* Effect.logError("A session's actor failed", exit.cause)
        yield* Effect.sleep(PAUSE)
      }
      ringing.delete(sessionKey)
    })

    const ring = (sessionKey: string) => {
      if (ringing.has(sessionKey)) return
      ringing.add(sessionKey)
      runFork(Effect.forkIn(serve(sessionKey), scope))
    }

    yield* events.onEvent(({ event }) => {
      if (event._tag === "RunAccepted") ring(event.sessionKey)
    })
    // Many may have waited for this start: each wakes an actor, and whoever connects meanwhile is to be served, too.
    const keys = new Set(turns.everyOpen().map(({ sessionKey }) => sessionKey))
    const ringOne = (sessionKey: string) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => ring(sessionKey)),
      )
    yield* Effect.forkScoped(Effect.forEach(keys, ringOne, { discard: true }))
  }),
)
