/**
 * Bug reports: what no caller is to blame for and no caller is told, written to the log where it happens. A call that
 * fails as its contract says is no bug. It knows no wire: each ends the call in its own words.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import type * as Layer from "effect/Layer"

/** An HTTP route that fails ends with its response as a defect beside the failure, and a failure may hold the request. */
const isBug = (reason: Cause.Reason<unknown>): boolean =>
  reason._tag === "Die" && (reason.defect instanceof Error || typeof reason.defect === "string")

const reporter: ErrorReporter.ErrorReporter = {
  [ErrorReporter.TypeId]: ErrorReporter.TypeId,
  report: ({ cause, fiber }) => {
    const bugs = cause.reasons.filter(isBug)
    if (bugs.length > 0) Effect.runForkWith(fiber.context)(Effect.logError("met a bug", Cause.fromReasons(bugs)))
  },
}

export const layer: Layer.Layer<never> = ErrorReporter.layer([reporter])
