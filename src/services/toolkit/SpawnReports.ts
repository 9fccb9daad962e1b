/**
 * Reports the end of a spawned session's task to its parent session, as a message. A report is sent once, and a start
 * sends the reports that a stop has prevented. Toolkit.ts starts it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Run } from "../../domain/Run.ts"
import type { Session } from "../../domain/Session.ts"
import { cut } from "../../domain/Text.ts"
import { Events } from "../events/Events.ts"
import { Runs } from "../runs/Runs.ts"
import { SessionIndex } from "../sessions/SessionIndex.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { reportKeyOf, taskRunOf } from "./SpawnedSession.ts"

/** Characters of the result in a report. The whole result is in the history of the spawned session. */
const RESULT_CHARS = 16_000

/** A start looks for unsent reports of the sessions that changed within this time. */
const MISSED = Duration.days(1)

/** Reports that are being sent at the same time. One waits while its parent session has too many waiting turns. */
const CONCURRENCY = 16

/** Two minutes in all. */
const RETRIES = Schedule.max([Schedule.exponential("1 second"), Schedule.recurs(6)])

const make = Effect.gen(function* () {
  const events = yield* Events
  const index = yield* SessionIndex
  const runs = yield* Runs
  const sessions = yield* Sessions
  const ended = yield* Queue.unbounded<Session>()

  /** Sends the report, unless the task is open, the parent is gone, or the parent was emptied after it spawned. */
  const report = Effect.fnUntraced(function* (child: Session) {
    const parent = sessions.find(child.parentKey ?? "")
    const taskRun = taskRunOf(child.key)
    if (parent === undefined || taskRun === undefined || (parent.emptiedAt ?? 0) >= child.createdAt) return
    const run = yield* runs.get(taskRun)
    if (run.state === "queued" || run.state === "running") return
    yield* runs.accept(
      {
        text: textOf(child, run),
        sessionKey: parent.key,
        agentId: parent.agentId,
        commands: false,
        idempotencyKey: reportKeyOf(taskRun),
        expected: { createdAt: parent.createdAt },
      },
      yield* runs.sender(taskRun),
    )
  })

  const safely = (child: Session) =>
    report(child).pipe(
      Effect.retry({
        schedule: RETRIES,
        while: ({ _tag }) => _tag === "SessionBusy" || _tag === "LimitReached" || _tag === "StorageUnavailable",
      }),
      // A stop prevents the report, and the next start sends it. Removed sessions get none.
      Effect.catchTag(["RunNotFound", "SessionConflict", "ShuttingDown"], () => Effect.void),
      Effect.catchCause((cause) => Effect.logWarning(`Cannot report the end of session ${child.key}`, cause)),
    )

  yield* events.onEvent(({ event }) => {
    if (event._tag !== "RunEnded" || event.runId !== taskRunOf(event.sessionKey)) return
    const child = index.get(event.sessionKey)
    if (child?.parentKey !== undefined) Queue.offerUnsafe(ended, child)
  })
  const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(MISSED)
  for (const session of index.values()) {
    if (session.parentKey !== undefined && session.updatedAt >= since) Queue.offerUnsafe(ended, session)
  }
  yield* Stream.fromQueue(ended).pipe(
    Stream.mapEffect(safely, { concurrency: CONCURRENCY }),
    Stream.runDrain,
    Effect.forkScoped,
  )
})

const textOf = ({ displayName, key }: Session, { error, reply = "", state }: Run): string => {
  const about = `[The session ${key} that you spawned ("${displayName}")`
  if (state === "failed") return `${about} failed: ${error?.message ?? "no reason is known"}]`
  if (state === "aborted") return `${about} was aborted.]`
  const rest = reply.length > RESULT_CHARS ? "\n[The rest is in its history: call sessions_history.]" : ""
  return `${about} is done. Its result:]\n${cut(reply, RESULT_CHARS)}${rest}`
}

export const layer: Layer.Layer<never, never, Events | Runs | SessionIndex | Sessions> = Layer.effectDiscard(make)
