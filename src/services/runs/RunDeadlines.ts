/**
 * RunDeadlines: ends runs whose client gave them a time, when it is up: also those that still wait, and those that were
 * accepted before a restart. Runs uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { RunError } from "../../domain/RunError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { OpenRuns } from "./OpenRuns.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { Deadline } from "../transcript/TurnStore.ts"

const timeIsUp: RunError = { reason: "timeout", message: "The time that the client gave the run was up." }

const untilStorageIsBack = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/** Returns how a run is watched until it ends. `end` ends a run for the reason. */
export const make = Effect.fnUntraced(function* (
  end: (run: Deadline, error: RunError) => Effect.Effect<unknown, StorageUnavailable>,
) {
  const open = yield* OpenRuns
  const transcript = yield* Transcript
  const scope = yield* Effect.scope

  const watch = Effect.fnUntraced(function* (run: Deadline) {
    const leftMs = Math.max(0, run.deadlineAt - (yield* Clock.currentTimeMillis))
    const ended = yield* Effect.timeoutOption(open.ended(run.runId), leftMs)
    if (ended._tag === "None") yield* Effect.retry(end(run, timeIsUp), untilStorageIsBack)
  })

  const begin = (run: Deadline) => Effect.asVoid(Effect.forkIn(Effect.ignore(watch(run)), scope))

  for (const run of transcript.turns.deadlines()) yield* begin(run)
  return begin
})
