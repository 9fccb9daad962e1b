/**
 * Logs: the newest log entries in a bounded ring, fed by the Effect logger, secrets blacked out before they enter.
 */
import * as Context from "effect/Context"
import type { LogEntry, LogLevel } from "../domain/Log.ts"

export class Logs extends Context.Service<
  Logs,
  {
    tail(options: {
      readonly after?: number | undefined
      readonly limit: number
      readonly level?: LogLevel | undefined
    }): {
      readonly entries: ReadonlyArray<LogEntry>
      readonly head: number
      readonly truncated: boolean
    }
  }
>()("causeway/services/Logs") {}
