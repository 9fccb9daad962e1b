/**
 * RunError: why a run failed. A run carries it, and so does the message that the run was to answer.
 */
import * as Schema from "effect/Schema"

/** Why a run failed, for people and for programs. */
export const RunError = Schema.Struct({
  /** A short code: `runtime` (the model or tool failed), `interrupted` (crashes cut it off too often), `bug`. */
  reason: Schema.Literals(["runtime", "interrupted", "bug"]),
  message: Schema.String,
}).annotate({ identifier: "RunError" })
export type RunError = typeof RunError.Type
