/**
 * RunLimits: how many runs there may be at once, over all agents and of one. Who must wait is let in first come, first
 * served; one whose agent is full does not hold up others. It knows neither sessions nor what a run does.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"

export class RunLimits extends Context.Service<
  RunLimits,
  {
    readonly running: () => number
    /** Runs the effect when there is a place for a run of this agent. */
    withPlace(agentId: string): <A, E, R>(run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Lets nobody in from now on, and returns when all who are in have left. */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/RunLimits") {
  static readonly layer: Layer.Layer<RunLimits, never, GatewayConfig> = Layer.effect(
    RunLimits,
    Effect.map(GatewayConfig, ({ runs }) => make(runs.concurrent, runs.concurrentPerAgent)),
  )
}

interface Waiter {
  readonly agentId: string
  readonly enter: () => void
}

export const make = (concurrent: number, concurrentPerAgent: number): RunLimits["Service"] => {
  const ofAgent = new Map<string, number>()
  const waiting = new Set<Waiter>()
  const empty = Latch.makeUnsafe(true)
  let running = 0
  let draining = false

  const hasPlace = (agentId: string): boolean =>
    !draining && running < concurrent && (ofAgent.get(agentId) ?? 0) < concurrentPerAgent

  const take = (agentId: string): void => {
    running++
    ofAgent.set(agentId, (ofAgent.get(agentId) ?? 0) + 1)
    empty.closeUnsafe()
  }

  const enter = (agentId: string): Effect.Effect<void> =>
    Effect.callback((resume) => {
      // Whoever came first has the first chance, so only an empty line may be passed by.
      const waiter = { agentId, enter: () => resume(Effect.void) }
      waiting.add(waiter)
      admit()
      return Effect.sync(() => {
        // Let in and interrupted in the same moment: the place is given back.
        if (!waiting.delete(waiter)) leave(agentId)
      })
    })

  const admit = (): void => {
    for (const waiter of waiting) {
      if (running >= concurrent || draining) return
      if (!hasPlace(waiter.agentId)) continue
      waiting.delete(waiter)
      take(waiter.agentId)
      waiter.enter()
    }
  }

  const leave = (agentId: string): void => {
    running--
    const rest = (ofAgent.get(agentId) ?? 0) - 1
    if (rest > 0) ofAgent.set(agentId, rest)
    else ofAgent.delete(agentId)
    if (running === 0) empty.openUnsafe()
    admit()
  }

  return {
    running: () => running,
    withPlace: (agentId) => (run) =>
      Effect.acquireUseRelease(
        Effect.interruptible(enter(agentId)),
        () => run,
        () => Effect.sync(() => leave(agentId)),
      ),
    drain: Effect.suspend(() => {
      draining = true
      return empty.await
    }),
  }
}
