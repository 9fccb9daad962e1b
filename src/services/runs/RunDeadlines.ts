/**
 * Ends runs at the deadline that their client set with `timeoutMs`, whether they run or wait. A restart keeps the
 * deadlines. Runs uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { RunError } from "../../domain/RunError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import { Tx } from "../storage/Tx.ts"
import { OpenRuns } from "./OpenRuns.ts"
import { untilStorageIsBack } from "./StorageRetry.ts"

/** An open turn with a deadline. */
export interface Deadline {
  readonly runId: string
  readonly sessionKey: string
  readonly deadlineAt: number
}

const timeout: RunError = { reason: "timeout", message: "The run exceeded the time limit that its client set." }

/** Watches the stored deadlines, and makes the function that watches a new one. `end` ends a run for the given reason. */
export const make = Effect.fnUntraced(function* (
  end: (run: Deadline, error: RunError) => Effect.Effect<unknown, StorageUnavailable>,
) {
  const open = yield* OpenRuns
  const events = yield* Events
  const scope = yield* Effect.scope

  const endAtDeadline = Effect.fnUntraced(function* (run: Deadline) {
    const leftMs = Math.max(0, run.deadlineAt - (yield* Clock.currentTimeMillis))
    const ended = yield* Effect.timeoutOption(open.ended(run.runId), leftMs)
    if (ended._tag === "None") yield* Effect.retry(end(run, timeout), untilStorageIsBack)
  })

  const watch = (run: Deadline) => Effect.asVoid(Effect.forkIn(Effect.ignore(endAtDeadline(run)), scope))

  for (const { deadlineAt, runId, sessionKey } of yield* events.read(Effect.flatMap(Tx, ({ turns }) => turns.open()))) {
    if (deadlineAt !== undefined) yield* watch({ deadlineAt, runId, sessionKey })
  }
  return watch
})
