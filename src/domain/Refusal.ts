/**
 * Refusals: the answers that any method may give before its handler has done anything, and the middleware that gives
 * them. What a method itself may fail with stands in its noun's file.
 */
import * as Schema from "effect/Schema"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import { type CurrentConnection, Scope } from "./Principal.ts"

/** The connection has not proved who it is. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()("Unauthenticated", {
  reason: Schema.Literals(["missing", "invalid", "locked-out"]),
  /** What was presented and is not right. */
  credential: Schema.optionalKey(Schema.Literals(["token", "password", "device-token"])),
  /** How long the address stays locked out. */
  retryAfterMs: Schema.optionalKey(Schema.Finite),
}) {}

/** The principal lacks the scope that the method asks for. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  method: Schema.String,
  missingScope: Scope,
}) {}

/** The connection, or its principal over all connections, asked for more than its share. Nothing was done; `retryAfterMs` says when to try again. */
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

/** The gateway is going down and takes no new work; what it accepted before is safe. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {}

/** Failures that any method may answer with, before its handler runs. */
export const Refusal = Schema.Union([Unauthenticated, Forbidden, RateLimited])
export type Refusal = typeof Refusal.Type

/** Looks the caller up, checks the method's scope and provides `CurrentConnection`. */
export class Authorized extends RpcMiddleware.Service<Authorized, { provides: CurrentConnection }>()(
  "causeway/domain/Authorized",
  { error: Refusal },
) {}
