/**
 * DefectReporter: logs unexpected defects where they happen. A client only receives its wire's internal error, without the
 * cause. Errors that a contract declares are no defects. Gateway.ts installs it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import type * as Layer from "effect/Layer"

/**
 * Returns whether to log the reason. A failed HTTP route also dies with its response, which is no error. Failures are left
 * out, because they may contain the request.
 */
const isDefect = (reason: Cause.Reason<unknown>): boolean =>
  reason._tag === "Die" && (reason.defect instanceof Error || typeof reason.defect === "string")

const reporter: ErrorReporter.ErrorReporter = {
  [ErrorReporter.TypeId]: ErrorReporter.TypeId,
  report: ({ cause, fiber }) => {
    const defects = cause.reasons.filter(isDefect)
    if (defects.length === 0) return
    Effect.runForkWith(fiber.context)(Effect.logError("unexpected defect", Cause.fromReasons(defects)))
  },
}

export const layer: Layer.Layer<never> = ErrorReporter.layer([reporter])
