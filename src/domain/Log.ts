/**
 * Logs: what the gateway says about itself, the newest entries of it, secrets blacked out.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, PageSize } from "./Bounds.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { Summary } from "./Summary.ts"

export const LogLevel = Schema.Literals(["trace", "debug", "info", "warn", "error", "fatal"])
export type LogLevel = typeof LogLevel.Type

export const LogEntry = Schema.Struct({
  /** Ascending while the gateway runs; starts again with it. */
  id: Schema.Int,
  at: EpochMillis,
  level: LogLevel,
  /** The part of the gateway that speaks. */
  source: Schema.String,
  message: Schema.String,
}).annotate({ identifier: "LogEntry" })
export type LogEntry = typeof LogEntry.Type

const tail = Rpc.make("logs.tail", {
  payload: {
    /** Only entries with a greater id. */
    after: Schema.optionalKey(Schema.Int),
    /** Entries at most, the newest of them; 100 by default. */
    limit: Schema.optionalKey(PageSize),
    /** This level and above. */
    level: Schema.optionalKey(LogLevel),
  },
  success: Schema.Struct({
    /** Oldest first. */
    entries: Schema.Array(LogEntry),
    /** The id of the newest entry there is: the next `after`. */
    head: Schema.Int,
    /** Entries between `after` and the first one here have been forgotten. */
    truncated: Schema.Boolean,
  }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The newest log entries, or those after the last one seen.")

export const LogRpcs = RpcGroup.make(tail).middleware(Authorized)
