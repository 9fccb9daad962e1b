/**
 * Limits how many runs are in progress, in total and per agent. AdmissionQueue decides which run begins; this service makes
 * runs wait for it. SessionActor takes a permit for each turn, Approvals returns it while a run waits for an operator, and
 * Runs waits for the last permit during a drain.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { type AdmissionLimits, AdmissionQueue, type Ask } from "./AdmissionQueue.ts"

/** The place of one run among those in progress. */
export type Permit = Ask

export class RunAdmission extends Context.Service<
  RunAdmission,
  {
    readonly running: () => number
    /**
     * Runs the effect while it holds a permit for a run of the agent. With `alone`, it waits until no other run is in
     * progress and admits no other run beside it. It blocks other runs for at most a minute while it waits, and for at most
     * a minute while it runs. It waits for nothing if `tryAcquire` has returned the permit before.
     */
    withPermit(
      agentId: string,
      alone?: boolean,
      runId?: string,
      permit?: Permit,
    ): <A, E, R>(run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Returns a permit if a run of the agent may begin at once. Pass it to `withPermit` or `giveBack`. */
    readonly tryAcquire: (agentId: string) => Permit | undefined
    /** Returns a permit whose run does not begin. */
    readonly giveBack: (permit: Permit) => void
    /**
     * Runs an effect of a run that waits for something outside of the gateway, such as an operator. The run has no permit
     * meanwhile, and takes one again afterwards. The scope is that of the call that waits: when it closes, the run returns
     * its permit again if all that it does is to wait for other calls.
     */
    outside(runId: string): <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Scope.Scope>
    /** Returns the milliseconds that the run has been without a permit since it began. */
    outsideMs(runId: string, now: number): number
    /** Admits no further run, and returns when no run is in progress. */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/admission/RunAdmission") {
  static readonly layer: Layer.Layer<RunAdmission, never, GatewayConfig> = Layer.effect(
    RunAdmission,
    Effect.map(GatewayConfig, ({ runs }) => make(runs)),
  )
}

/** The time for which a run waits to be alone and stays alone. A run may take much longer, and other runs cannot wait. */
const ALONE = "1 minute"

/** A run that has begun. */
class Place {
  readonly agentId: string
  /** Undefined while the run has no permit. */
  ask: Ask | undefined
  hasEnded = false
  /** The calls that wait outside. */
  waiting = 0
  /** The calls that have come back and are at work. */
  working = 0
  /** Lets one call at a time take the permit back. */
  readonly returning = Semaphore.makeUnsafe(1)
  /** The milliseconds without a permit, up to the last time that the run took it back. */
  outsideMs = 0
  outsideSince = 0

  constructor(agentId: string, ask: Ask) {
    this.agentId = agentId
    this.ask = ask
  }
}

export const make = (limits: AdmissionLimits): RunAdmission["Service"] => {
  const queue = new AdmissionQueue(limits)
  const begun = new Map<Ask, () => void>()
  const places = new Map<string, Place>()
  const empty = Latch.makeUnsafe(true)
  let draining = false

  /** Begins every run that may begin. Each change of the queue ends with it, so no permit stays free while a run waits. */
  const beginNext = () => {
    if (draining) return
    for (let ask = queue.begin(); ask !== undefined; ask = queue.begin()) {
      empty.closeUnsafe()
      begun.get(ask)?.()
      begun.delete(ask)
    }
  }

  const leave = (ask: Ask) => {
    begun.delete(ask)
    queue.leave(ask)
    if (queue.running === 0) empty.openUnsafe()
    beginNext()
  }

  const acquire = (agentId: string, alone: boolean): Effect.Effect<Ask> =>
    Effect.callback((resume) => {
      const ask = queue.ask(agentId, alone)
      begun.set(ask, () => resume(Effect.succeed(ask)))
      beginNext()
      return Effect.sync(() => leave(ask))
    })

  const acquireAlone = (agentId: string): Effect.Effect<Ask> =>
    Effect.timeoutOrElse(acquire(agentId, true), { duration: ALONE, orElse: () => acquire(agentId, false) })

  const share = (ask: Ask) => {
    queue.share(ask)
    beginNext()
  }

  const shareLater = (ask: Ask) =>
    Effect.delay(
      Effect.sync(() => share(ask)),
      ALONE,
    )

  const withPlace = <A, E, R>(runId: string, agentId: string, ask: Ask, run: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const place = new Place(agentId, ask)
      places.set(runId, place)
      const end = Effect.sync(() => {
        place.hasEnded = true
        places.delete(runId)
        if (place.ask !== undefined) leave(place.ask)
      })
      return Effect.ensuring(run, end)
    })

  /** Returns the permit of a run of which every call waits. */
  const release = (place: Place) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (place.hasEnded || place.working > 0 || place.waiting === 0 || place.ask === undefined) return
      const { ask } = place
      place.ask = undefined
      place.outsideSince = now
      leave(ask)
    })

  /** The queue itself hands over the permit, so an interrupt of the call cannot lose it. */
  const acquireFor = (place: Place): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const ask = queue.ask(place.agentId, false)
      begun.set(ask, () => {
        if (place.hasEnded) leave(ask)
        else place.ask = ask
        resume(place.hasEnded ? Effect.interrupt : Effect.void)
      })
      beginNext()
      return Effect.sync(() => {
        if (place.ask !== ask) leave(ask)
      })
    })

  const takeBack = (place: Place) =>
    place.returning.withPermit(
      Effect.gen(function* () {
        if (place.ask !== undefined) return
        yield* acquireFor(place)
        place.outsideMs += (yield* Clock.currentTimeMillis) - place.outsideSince
      }),
    )

  const outside =
    (runId: string) =>
    <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
      Effect.suspend(() => {
        const place = places.get(runId)
        if (place === undefined) return wait
        const begin = Effect.suspend(() => {
          place.waiting++
          return release(place)
        })
        const end = Effect.sync(() => {
          place.waiting--
        })
        const works = Effect.acquireRelease(
          Effect.sync(() => {
            place.working++
          }),
          () =>
            Effect.suspend(() => {
              place.working--
              return release(place)
            }),
        )
        const waits = Effect.acquireUseRelease(
          begin,
          () => Effect.exit(wait),
          () => end,
        )
        return Effect.flatMap(waits, (exit) => Effect.andThen(works, Effect.andThen(takeBack(place), exit)))
      })

  return {
    outside,
    outsideMs: (runId, now) => {
      const place = places.get(runId)
      if (place === undefined) return 0
      return place.outsideMs + (place.ask === undefined ? now - place.outsideSince : 0)
    },
    running: () => queue.running,
    tryAcquire: (agentId) => {
      const ask = queue.ask(agentId, false)
      beginNext()
      if (ask.state === "running") return ask
      leave(ask)
      return undefined
    },
    giveBack: leave,
    withPermit:
      (agentId, alone = false, runId, permit) =>
      (run) =>
        Effect.acquireUseRelease(
          permit === undefined
            ? Effect.interruptible(alone ? acquireAlone(agentId) : acquire(agentId, false))
            : Effect.succeed(permit),
          (ask) => {
            const placed = runId === undefined ? run : withPlace(runId, agentId, ask, run)
            return alone ? Effect.scoped(Effect.andThen(Effect.forkScoped(shareLater(ask)), placed)) : placed
          },
          (ask) => Effect.sync(() => leave(ask)),
        ),
    drain: Effect.suspend(() => {
      draining = true
      return empty.await
    }),
  }
}
