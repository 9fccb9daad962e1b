/**
 * Limits how many runs are in progress, in total and per agent. Waiting runs are admitted in the order of their arrival; a
 * run whose agent is at its limit does not hold up the runs of other agents. SessionActor takes a permit for each turn, and
 * Runs waits for the last permit during a drain.
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
    Effect.map(GatewayConfig, ({ runs }) => make(runs.concurrent, runs.concurrentPerAgent)),
  )
}

/** The time for which a run waits to be alone and stays alone. A run may take much longer, and other runs cannot wait. */
const ALONE = "1 minute"

export const make = (concurrent: number, concurrentPerAgent: number): RunAdmission["Service"] => {
  const permits = new Permits(concurrent, concurrentPerAgent)

  const acquireAlone = (agentId: string): Effect.Effect<symbol> =>
    Effect.timeoutOrElse(permits.acquire(agentId, true), {
      duration: ALONE,
      orElse: () => permits.acquire(agentId, false),
    })

  const shareLater = (permit: symbol) =>
    Effect.delay(
      Effect.sync(() => permits.share(permit)),
      ALONE,
    )

  return {
    running: () => permits.running,
    withPermit:
      (agentId, alone = false) =>
      (run) =>
        Effect.acquireUseRelease(
          Effect.interruptible(alone ? acquireAlone(agentId) : permits.acquire(agentId, false)),
          (permit) => (alone ? Effect.scoped(Effect.andThen(Effect.forkScoped(shareLater(permit)), run)) : run),
          (permit) => Effect.sync(() => permits.release(agentId, permit)),
        ),
    drain: permits.drain,
  }
}

interface Waiter {
  readonly agentId: string
  readonly alone: boolean
  readonly admit: () => void
}

class Permits {
  readonly #concurrent: number
  readonly #concurrentPerAgent: number
  readonly #perAgent = new Map<string, number>()
  readonly #waiters = new Set<Waiter>()
  readonly #empty = Latch.makeUnsafe(true)
  #running = 0
  #draining = false
  /** The permit of the run that is alone. */
  #exclusive: symbol | undefined

  constructor(concurrent: number, concurrentPerAgent: number) {
    this.#concurrent = concurrent
    this.#concurrentPerAgent = concurrentPerAgent
  }

  get running(): number {
    return this.#running
  }

  readonly drain = Effect.suspend(() => {
    this.#draining = true
    return this.#empty.await
  })

  /** Waits for a permit. First come, first served: every caller queues, even if a permit is free. */
  acquire(agentId: string, alone: boolean): Effect.Effect<symbol> {
    return Effect.callback((resume) => {
      const permit = Symbol()
      const admit = () => {
        if (alone) this.#exclusive = permit
        resume(Effect.succeed(permit))
      }
      const waiter = { agentId, alone, admit }
      this.#waiters.add(waiter)
      this.#admitWaiters()
      return Effect.sync(() => {
        if (!this.#waiters.delete(waiter)) this.release(agentId, permit)
        // A waiter that wants to be alone blocks those behind it.
        else this.#admitWaiters()
      })
    })
  }

  /** Admits other runs beside the one that is alone. */
  share(permit: symbol): void {
    if (this.#exclusive !== permit) return
    this.#exclusive = undefined
    this.#admitWaiters()
  }

  release(agentId: string, permit: symbol): void {
    this.#running--
    if (this.#exclusive === permit) this.#exclusive = undefined
    const rest = (this.#perAgent.get(agentId) ?? 0) - 1
    if (rest > 0) this.#perAgent.set(agentId, rest)
    else this.#perAgent.delete(agentId)
    if (this.#running === 0) this.#empty.openUnsafe()
    this.#admitWaiters()
  }

  #admitWaiters(): void {
    for (const waiter of this.#waiters) {
      if (this.#isFull() || (waiter.alone && this.#running > 0)) return
      const ofAgent = this.#perAgent.get(waiter.agentId) ?? 0
      if (ofAgent >= this.#concurrentPerAgent) continue
      this.#waiters.delete(waiter)
      this.#running++
      this.#perAgent.set(waiter.agentId, ofAgent + 1)
      this.#empty.closeUnsafe()
      waiter.admit()
    }
  }

  #isFull(): boolean {
    return this.#draining || this.#exclusive !== undefined || this.#running >= this.#concurrent
  }
}
