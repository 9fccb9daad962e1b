/**
 * The actor of one session. One `serve` runs at a time, and it runs the open turns, the oldest one first. So the turns run in
 * the order of their acceptance, and neither a restart nor a clock that is set back can reorder a conversation.
 * TurnDispatcher calls `serve`, and Runs calls `abort`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Entity from "effect/cluster/Entity"
import type * as Sharding from "effect/cluster/Sharding"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { retryAfter } from "../../domain/Retry.ts"
import type { RunError } from "../../domain/RunError.ts"
import { Events } from "../events/Events.ts"
import { RunAdmission } from "../admission/RunAdmission.ts"
import { BegunTurns } from "./BegunTurns.ts"
import { IdleActors } from "./IdleActors.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { SessionEntity } from "./SessionEntity.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { type FirstRun, OpenRuns } from "./OpenRuns.ts"
import { TurnRunner } from "./TurnRunner.ts"

interface Abort {
  readonly runId?: string
  readonly before?: string
  readonly error?: RunError
}

const actor = Effect.gen(function* () {
  const { attempts } = (yield* GatewayConfig).runs
  const events = yield* Events
  const admission = yield* RunAdmission
  const begunTurns = yield* BegunTurns
  const runner = yield* TurnRunner
  const open = yield* OpenRuns
  const idle = yield* IdleActors
  const { entityId: sessionKey } = yield* Entity.CurrentAddress
  const serveLock = Semaphore.makeUnsafe(1)
  let running: RunningTurn | undefined

  /** Delays a turn that crashes have interrupted often. An abort ends the delay. */
  const pause = (turn: RunningTurn, crashes: number, pauseMs: number) => {
    const stopped = Effect.callback<void>((resume) => turn.onStop(() => resume(Effect.void)))
    const untilThen = Effect.raceFirst(Effect.sleep(pauseMs), stopped)
    const message = `${crashes} crashes interrupted a run. It starts again in ${pauseMs} ms, alone.`
    return Effect.annotateLogs(Effect.andThen(Effect.logWarning(message), untilThen), { runId: turn.runId, sessionKey })
  }

  const run = ({ agentId, crashes, runId }: FirstRun) =>
    Effect.suspend(() => {
      const turn = new RunningTurn(runId, sessionKey)
      running = turn
      const { alone, pauseMs } = retryAfter(crashes, attempts)
      const begin = begunTurns.take(runId)
      const admitted = admission.withPermit(agentId, alone, runId, begin?.permit)(runner.run(turn, begin?.started))
      return Effect.ensuring(
        pauseMs === 0 ? admitted : Effect.andThen(pause(turn, crashes, pauseMs), admitted),
        Effect.sync(() => {
          running = undefined
        }),
      )
    })

  /** Runs the open turns of the session, the oldest one first, until no further one comes. */
  const serve = Effect.gen(function* () {
    for (let hasNext = true; hasNext;) {
      for (let next; (next = open.first(sessionKey)) !== undefined;) {
        yield* run(next)
        // The commit of its end has removed it, unless another program had ended it.
        open.drop(next.runId)
      }
      hasNext = yield* idle.untilNext(sessionKey)
    }
  })

  const abort = Effect.fn("SessionActor.abort")(function* ({ error, ...which }: Abort) {
    const at = yield* Clock.currentTimeMillis
    const outputOf = (id: string) => (running?.runId === id ? { ...running.output, usage: running.usage } : undefined)
    const aborted = yield* events.commit(Transcript.abort(sessionKey, which, outputOf, at, error), { key: sessionKey })
    if (running !== undefined && !open.has(running.runId)) running.stop()
    return aborted
  })

  return SessionEntity.of({
    serve: () => serveLock.withPermit(serve),
    abort: ({ payload }) => Effect.uninterruptible(abort(payload)),
  })
})

export const layer: Layer.Layer<
  never,
  never,
  BegunTurns | Events | GatewayConfig | IdleActors | OpenRuns | RunAdmission | Sharding.Sharding | TurnRunner
> = SessionEntity.toLayer(actor, {
  // `serveLock` orders the turns. An abort does not wait for it.
  concurrency: "unbounded",
  // Runs.accept limits the waiting turns (`runs.waitingPerSession`).
  mailboxCapacity: "unbounded",
  disableFatalDefects: true,
})
