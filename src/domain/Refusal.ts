/**
 * Refusals: the errors that any method may return before its handler runs, and the middleware that returns them. The
 * errors of a single method are in the file of its noun.
 */
import * as Schema from "effect/Schema"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import { type CurrentConnection, Scope } from "./Principal.ts"

/** The field that carries a credential. */
export const CredentialKind = Schema.Literals(["token", "password", "device-token"])
export type CredentialKind = typeof CredentialKind.Type

/** The connection has not authenticated. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()("Unauthenticated", {
  reason: Schema.Literals(["missing", "invalid", "locked-out"]),
  /** The kind of credential that was wrong. */
  credential: Schema.optionalKey(CredentialKind),
  /** Milliseconds for which the address stays locked out. */
  retryAfterMs: Schema.optionalKey(Schema.Finite),
}) {}

/** The principal lacks the scope that the method requires. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  method: Schema.String,
  missingScope: Scope,
}) {}

/**
 * The connection, or its principal over all connections, exceeded a limit. Nothing was done. Try again after
 * `retryAfterMs`.
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  limit: Schema.Literals([
    "messages-per-second",
    "calls-in-flight",
    "principal-calls",
    "subscriptions",
    "http-requests",
    "bytes-in-flight",
  ]),
  retryAfterMs: Schema.Finite,
}) {}

/** The gateway is stopping and refuses new work. Messages that it accepted before are safe. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {}

/** The errors that any method may return before its handler runs. */
export const Refusal = Schema.Union([Unauthenticated, Forbidden, RateLimited])
export type Refusal = typeof Refusal.Type

/** Finds the caller, checks the scope of the method and provides `CurrentConnection`. */
export class Authorized extends RpcMiddleware.Service<Authorized, { provides: CurrentConnection }>()(
  "causeway/domain/Authorized",
  { error: Refusal },
) {}
