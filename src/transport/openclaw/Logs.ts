/**
 * Logs: the gateway's log as the lines of a file that is read on from a cursor. Each line is the JSON that command lines
 * of this dialect pick time, level and subsystem out of. Pure.
 */
import * as Schema from "effect/Schema"
import type { LogEntry } from "../../domain/Log.ts"
import { own } from "../DialectMethods.ts"
import { ask, type Inquiry, known } from "../Inquiry.ts"
import type { Row } from "./MethodTable.ts"
import { bounded, number } from "./Params.ts"

const LINES = 200

export const logLine = ({ at, level, message, source }: LogEntry): string => {
  const time = new Date(at).toISOString()
  const name = JSON.stringify({ subsystem: source })
  const _meta = { date: time, logLevelName: level.toUpperCase(), name }
  return JSON.stringify({ 0: name, 1: message, _meta, time, message })
}

const tail = (after: number | undefined, limit: number, reset: boolean): Inquiry<object> =>
  ask("logs.tail", { limit, ...(after !== undefined && { after }) }, ({ entries, head, truncated }) => {
    // The log began anew when the gateway did: a cursor from before is beyond its end.
    if (after !== undefined && after > head) return tail(undefined, limit, true)
    return known({ file: "causeway.log", cursor: head, size: head, lines: entries.map(logLine), truncated, reset })
  })

export const logMethods: ReadonlyArray<Row> = [
  [
    "logs.tail",
    "operator.read",
    own(Schema.Struct({ cursor: number, limit: number }), ({ cursor, limit }) =>
      tail(cursor == null ? undefined : Math.floor(cursor), bounded(limit, LINES, LINES), false),
    ),
  ],
]
