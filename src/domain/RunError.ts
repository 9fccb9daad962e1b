/**
 * RunError: why a run failed. The run and the user's message both carry it.
 */
import * as Schema from "effect/Schema"

/**
 * The kind of a model's problem. `configuration`: the gateway has no such provider or model. `authentication`: the key is
 * missing or rejected. `rate-limit`: too many requests. `quota`: the account has no credit. `context-length`: the
 * conversation is too long. `refusal`: the model or a filter refuses. `timeout`: nothing came in time. `network`: no
 * connection, or a cut one. `server`: the provider failed. `invalid-request`: the provider rejects the request.
 * `invalid-response`: the answer does not follow the provider's API.
 */
export const ProblemKind = Schema.Literals([
  "configuration",
  "authentication",
  "rate-limit",
  "quota",
  "context-length",
  "refusal",
  "timeout",
  "network",
  "server",
  "invalid-request",
  "invalid-response",
])
export type ProblemKind = typeof ProblemKind.Type

/** Why a run failed, for people and for programs. */
export const RunError = Schema.Struct({
  /**
   * A short code: `runtime` (the model or a tool failed), `budget` (the run reached a limit of the gateway; its output
   * stays), `interrupted` (too many crashes interrupted the run), `timeout` (the client's `timeoutMs` is over) or `bug`.
   */
  reason: Schema.Literals(["runtime", "budget", "interrupted", "timeout", "bug"]),
  /** With `runtime`, if the runtime knows the kind of the problem. */
  kind: Schema.optionalKey(ProblemKind),
  message: Schema.String,
}).annotate({ identifier: "RunError" })
export type RunError = typeof RunError.Type
