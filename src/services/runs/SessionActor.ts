/**
 * SessionActor: the actor of one session. Its turns run one after another, in the order in which they were accepted: the
 * lane lets in one doorbell at a time, and the next turn is the first open one in the table. So neither a restart nor a
 * clock set back can reorder a conversation. It knows no client and reads no list.
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
import { RunAdmission } from "./RunAdmission.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { SessionEntity } from "./SessionEntity.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { TurnRow } from "../transcript/TurnStore.ts"
import { TurnRunner } from "./TurnRunner.ts"

type Next = Pick<TurnRow, "agentId" | "crashes" | "runId">

const actor = Effect.gen(function* () {
  const { attempts } = (yield* GatewayConfig).runs
  const events = yield* Events
  const limits = yield* RunAdmission
  const runner = yield* TurnRunner
  const transcript = yield* Transcript
  const { entityId: sessionKey } = yield* Entity.CurrentAddress
  const lane = Semaphore.makeUnsafe(1)
  let running: RunningTurn | undefined

  /** Waits, where crashes have cut the turn off too often, until it may begin again. An abort ends the wait. */
  const pause = (turn: RunningTurn, crashes: number, pauseMs: number) => {
    const untilThen = Effect.raceFirst(Effect.sleep(pauseMs), turn.untilStopped)
    const message = `A run waits ${pauseMs} ms and begins again alone: ${crashes} crashes have cut it off`
    return Effect.annotateLogs(Effect.andThen(Effect.logWarning(message), untilThen), { runId: turn.runId, sessionKey })
  }

  const run = ({ agentId, crashes, runId }: Next) =>
    Effect.suspend(() => {
      const turn = new RunningTurn(runId)
      running = turn
      const { alone, pauseMs } = retryAfter(crashes, attempts)
      const placed = limits.withPlace(agentId, alone)(runner.run(turn))
      return Effect.ensuring(
        pauseMs === 0 ? placed : Effect.andThen(pause(turn, crashes, pauseMs), placed),
        Effect.sync(() => {
          running = undefined
        }),
      )
    })

  /** Runs the session's open turns. The look at the table takes no lock: to begin a turn is to look again. */
  const serve = Effect.gen(function* () {
    while (true) {
      const next = transcript.turns.first(sessionKey)
      if (next === undefined) return
      yield* run(next)
    }
  })

  const abort = Effect.fn("SessionActor.abort")(function* (runId: string | undefined, error: RunError | undefined) {
    const at = yield* Clock.currentTimeMillis
    const wordsOf = (id: string) => (running?.runId === id ? { ...running.lastWords, usage: running.usage } : undefined)
    const aborted = yield* events.commit(() => transcript.abort(sessionKey, runId, wordsOf, at, error))
    if (running !== undefined && transcript.stillOpen(running.runId) === undefined) running.stop()
    return aborted
  })

  return SessionEntity.of({
    serve: () => lane.withPermit(serve),
    abort: ({ payload }) => Effect.uninterruptible(abort(payload.runId, payload.error)),
  })
})

export const layer: Layer.Layer<
  never,
  never,
  Events | GatewayConfig | RunAdmission | Sharding.Sharding | Transcript | TurnRunner
> = SessionEntity.toLayer(actor, {
  // The lane is ours, so that an abort need not stand in it.
  concurrency: "unbounded",
  // How many may wait is decided when a send is accepted (runs.waitingPerSession).
  mailboxCapacity: "unbounded",
  disableFatalDefects: true,
})
