/**
 * Limits how many runs are in progress, in total and per agent. AdmissionQueue decides which run begins; this service makes
 * runs wait for it. SessionActor takes a permit for each turn, and Runs waits for the last permit during a drain.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { type AdmissionLimits, AdmissionQueue, type Ask } from "./AdmissionQueue.ts"

export class RunAdmission extends Context.Service<
  RunAdmission,
  {
    readonly running: () => number
    /**
     * Runs the effect while it holds a permit for a run of the agent. With `alone`, it waits until no other run is in
     * progress and admits no other run beside it. It blocks other runs for at most a minute while it waits, and for at most
     * a minute while it runs.
     */
    withPermit(agentId: string, alone?: boolean): <A, E, R>(run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Admits no further run, and returns when no run is in progress. */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/runs/RunAdmission") {
  static readonly layer: Layer.Layer<RunAdmission, never, GatewayConfig> = Layer.effect(
    RunAdmission,
    Effect.map(GatewayConfig, ({ runs }) => make(runs)),
  )
}

/** The time for which a run waits to be alone and stays alone. A run may take much longer, and other runs cannot wait. */
const ALONE = "1 minute"

export const make = (limits: AdmissionLimits): RunAdmission["Service"] => {
  const queue = new AdmissionQueue(limits)
  const begun = new Map<Ask, () => void>()
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

  return {
    running: () => queue.running,
    withPermit:
      (agentId, alone = false) =>
      (run) =>
        Effect.acquireUseRelease(
          Effect.interruptible(alone ? acquireAlone(agentId) : acquire(agentId, false)),
          (ask) => (alone ? Effect.scoped(Effect.andThen(Effect.forkScoped(shareLater(ask)), run)) : run),
          (ask) => Effect.sync(() => leave(ask)),
        ),
    drain: Effect.suspend(() => {
      draining = true
      return empty.await
    }),
  }
}
