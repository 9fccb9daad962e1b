/**
 * RunLimits: how many runs there may be at once, over all agents and of one. Runs that must wait enter in the order in
 * which they came; one whose agent is full does not hold up others. It knows neither sessions nor what a run does.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"

export class RunAdmission extends Context.Service<
  RunAdmission,
  {
    readonly running: () => number
    /**
     * Runs the effect when there is a place for a run of this agent. `alone`: waits until no other run is in progress,
     * and lets no other in. It holds up others for a minute while it waits and for a minute while it runs, not longer.
     */
    withPlace(agentId: string, alone?: boolean): <A, E, R>(run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Lets no run in from now on, and returns when all have left. */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/runs/RunAdmission") {
  static readonly layer: Layer.Layer<RunAdmission, never, GatewayConfig> = Layer.effect(
    RunAdmission,
    Effect.map(GatewayConfig, ({ runs }) => make(runs.concurrent, runs.concurrentPerAgent)),
  )
}

/** How long a run waits to be alone, and how long it stays alone. A run may take much longer; the others cannot wait for it. */
const ALONE = "1 minute"

interface Waiter {
  readonly agentId: string
  readonly alone: boolean
  readonly enter: () => void
}

export const make = (concurrent: number, concurrentPerAgent: number): RunAdmission["Service"] => {
  const ofAgent = new Map<string, number>()
  const waiting = new Set<Waiter>()
  const empty = Latch.makeUnsafe(true)
  let running = 0
  let draining = false
  /** The run that no other may join. */
  let exclusive: symbol | undefined

  const isFull = (): boolean => draining || exclusive !== undefined || running >= concurrent

  const take = (agentId: string): void => {
    running++
    ofAgent.set(agentId, (ofAgent.get(agentId) ?? 0) + 1)
    empty.closeUnsafe()
  }

  const enter = (agentId: string, alone: boolean): Effect.Effect<symbol> =>
    Effect.callback((resume) => {
      // The first to come has the first chance, so only an empty line may be passed by.
      const place = Symbol()
      const enter = () => {
        if (alone) exclusive = place
        resume(Effect.succeed(place))
      }
      const waiter = { agentId, alone, enter }
      waiting.add(waiter)
      admit()
      return Effect.sync(() => {
        if (!waiting.delete(waiter)) leave(agentId, place)
        // It may have held up those behind it.
        else admit()
      })
    })

  const admit = (): void => {
    for (const waiter of waiting) {
      if (isFull() || (waiter.alone && running > 0)) return
      if ((ofAgent.get(waiter.agentId) ?? 0) >= concurrentPerAgent) continue
      waiting.delete(waiter)
      take(waiter.agentId)
      waiter.enter()
    }
  }

  const share = (place: symbol): void => {
    if (exclusive !== place) return
    exclusive = undefined
    admit()
  }

  const enterAlone = (agentId: string): Effect.Effect<symbol> =>
    Effect.timeoutOrElse(enter(agentId, true), { duration: ALONE, orElse: () => enter(agentId, false) })

  const thenShared = (place: symbol) =>
    Effect.delay(
      Effect.sync(() => share(place)),
      ALONE,
    )

  const leave = (agentId: string, place: symbol): void => {
    running--
    if (exclusive === place) exclusive = undefined
    const rest = (ofAgent.get(agentId) ?? 0) - 1
    if (rest > 0) ofAgent.set(agentId, rest)
    else ofAgent.delete(agentId)
    if (running === 0) empty.openUnsafe()
    admit()
  }

  return {
    running: () => running,
    withPlace:
      (agentId, alone = false) =>
      (run) =>
        Effect.acquireUseRelease(
          Effect.interruptible(alone ? enterAlone(agentId) : enter(agentId, false)),
          (place) => (alone ? Effect.scoped(Effect.andThen(Effect.forkScoped(thenShared(place)), run)) : run),
          (place) => Effect.sync(() => leave(agentId, place)),
        ),
    drain: Effect.suspend(() => {
      draining = true
      return empty.await
    }),
  }
}
