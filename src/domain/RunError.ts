/**
 * RunError: why a run failed. The run and the user's message both carry it.
 */
import * as Schema from "effect/Schema"

/** Why a run failed, for people and for programs. */
export const RunError = Schema.Struct({
  /**
   * A short code: `runtime` (the model or a tool failed), `interrupted` (too many crashes interrupted the run), `timeout`
   * (the client's `timeoutMs` is over) or `bug`.
   */
  reason: Schema.Literals(["runtime", "interrupted", "timeout", "bug"]),
  message: Schema.String,
}).annotate({ identifier: "RunError" })
export type RunError = typeof RunError.Type
