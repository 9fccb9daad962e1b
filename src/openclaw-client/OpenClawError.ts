/**
 * OpenClawError: the errors of a request. Connection.ts and OpenClawClient.ts fail with them.
 */
import * as Schema from "effect/Schema"

/** The gateway answered with an error. The fields are those of the answer. `details.code` says more than `code`. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  method: Schema.String,
  code: Schema.String,
  reason: Schema.String,
  details: Schema.optionalKey(Schema.Unknown),
  retryable: Schema.Boolean,
  retryAfterMs: Schema.optionalKey(Schema.Finite),
}) {
  override get message(): string {
    return `the gateway refused ${this.method}: ${this.reason} (${this.code})`
  }
}

const problems = {
  "not-connected": "the client is not connected",
  timeout: "no answer came in time; the gateway may have carried it out",
  "connection-lost": "the connection ended before the answer; the gateway may have carried it out",
  unreadable: "the answer has another shape than this client knows: use `request` for its raw form",
  "too-large": "the request is larger than the gateway accepts",
  "too-many": "too many requests wait for an answer",
} as const

/** The request has no usable answer. The client never sends a request twice. */
export class RequestUnanswered extends Schema.TaggedError<RequestUnanswered>()("RequestUnanswered", {
  method: Schema.String,
  reason: Schema.Literals(["not-connected", "timeout", "connection-lost", "unreadable", "too-large", "too-many"]),
}) {
  override get message(): string {
    return `${this.method} has no answer: ${problems[this.reason]}`
  }
}

export type OpenClawError = RequestRefused | RequestUnanswered
