/**
 * Starts the actor of every session that has open turns: after each acceptance, at the start of the gateway, and again if
 * an actor failed. The `turns` table holds the accepted work, so the dispatcher stores nothing. Gateway.ts starts it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Sharding from "effect/cluster/Sharding"
import { Events } from "../events/Events.ts"
import { OpenRuns } from "./OpenRuns.ts"
import { SessionEntity } from "./SessionEntity.ts"

/** The pause before the dispatcher calls a failed actor again. */
const PAUSE = "1 second"

export const layer: Layer.Layer<never, never, Events | OpenRuns | Sharding.Sharding> = Layer.effectDiscard(
  Effect.gen(function* () {
    const events = yield* Events
    const open = yield* OpenRuns
    const actorOf = yield* SessionEntity.client
    const scope = yield* Effect.scope
    const runFork = Effect.runForkWith(yield* Effect.context())
    const dispatching = new Set<string>()

    /** Loops until the session has no open turns. The last check and `delete` are one step, so no turn is missed. */
    const serve = Effect.fnUntraced(function* (sessionKey: string) {
      while (open.first(sessionKey) !== undefined) {
        const exit = yield* Effect.exit(actorOf(sessionKey).serve())
        if (Exit.isSuccess(exit)) continue
        // The cluster interrupts an idle actor while it stops it. The next call starts the actor again.
        if (!Cause.hasInterruptsOnly(exit.cause)) yield* Effect.logError("The actor of a session failed", exit.cause)
        yield* Effect.sleep(PAUSE)
      }
      dispatching.delete(sessionKey)
    })

    const dispatch = (sessionKey: string) => {
      if (dispatching.has(sessionKey)) return
      dispatching.add(sessionKey)
      runFork(Effect.forkIn(serve(sessionKey), scope))
    }

    yield* events.onEvent(({ event }) => {
      if (event._tag === "RunAccepted") dispatch(event.sessionKey)
    })
    // Many sessions may have open turns at the start. Yielding between them keeps the gateway responsive for clients.
    const keys = new Set(open.list().map(({ sessionKey }) => sessionKey))
    const dispatchAfterYield = (sessionKey: string) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => dispatch(sessionKey)),
      )
    yield* Effect.forkScoped(Effect.forEach(keys, dispatchAfterYield, { discard: true }))
  }),
)
