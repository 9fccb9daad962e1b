/**
 * Logs: the schema of the gateway's log entries and the method that reads the newest ones. Secrets are redacted.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, PageSize } from "./Bounds.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"

export const LogLevel = Schema.Literals(["trace", "debug", "info", "warn", "error", "fatal"])
export type LogLevel = typeof LogLevel.Type

export const LogEntry = Schema.Struct({
  /** Ascends while the gateway runs. Starts over with each start of the gateway. */
  id: Schema.Int,
  at: EpochMillis,
  level: LogLevel,
  /** The part of the gateway that logged the entry. */
  source: Schema.String,
  /** Ends with the facts as `name=value`. */
  message: Schema.String,
  /** The facts of the entry by name, such as `session` and `ms`. */
  facts: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))),
}).annotate({ identifier: "LogEntry" })
export type LogEntry = typeof LogEntry.Type
export type LogFacts = NonNullable<LogEntry["facts"]>

/** Returns whether a log with the least level `logLevel` has entries of `level`. */
export const isLogged = (level: LogLevel, logLevel: LogLevel): boolean =>
  LogLevel.literals.indexOf(level) >= LogLevel.literals.indexOf(logLevel)

const tail = Rpc.make("logs.tail", {
  payload: {
    /** Returns only entries with a greater id. */
    after: Schema.optionalKey(Schema.Int),
    /** Returns at most this many entries, the newest ones. 100 by default. */
    limit: Schema.optionalKey(PageSize),
    /** This level and above. */
    level: Schema.optionalKey(LogLevel),
  },
  success: Schema.Struct({
    /** Oldest first. */
    entries: Schema.Array(LogEntry),
    /** The id of the newest entry. Use it as the next `after`. */
    head: Schema.Int,
    /** True if entries between `after` and the first one here are no longer kept. */
    truncated: Schema.Boolean,
  }),
}).annotate(RequiredScope, "operator.read")

export const LogRpcs = RpcGroup.make(tail).middleware(Authorized)
