/**
 * Logs: the gateway's log as the lines of a file that is read on from a cursor. Each line is the JSON that command lines
 * of this dialect pick time, level and subsystem out of. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { LogEntry } from "../../../domain/Log.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { fitting } from "./ChatHistory.ts"
import type { Row } from "./MethodTable.ts"
import { bounded, number } from "../wire/Params.ts"

const LINES = 200

export const logLine = ({ at, level, message, source }: LogEntry): string => {
  const time = new Date(at).toISOString()
  const name = JSON.stringify({ subsystem: source })
  const _meta = { date: time, logLevelName: level.toUpperCase(), name }
  return JSON.stringify({ 0: name, 1: message, _meta, time, message })
}

const tail = (after: number | undefined, limit: number, maxBytes: number, reset: boolean): Query<object> =>
  Effect.flatMap(
    call("logs.tail", { limit, ...(after !== undefined && { after }) }),
    ({ entries, head, truncated }) => {
      // The log begins again when the gateway does: a cursor from before is beyond its end.
      if (after !== undefined && after > head) return tail(undefined, limit, maxBytes, true)
      const lines = fitting(entries.map(logLine), maxBytes)
      const isCut = truncated || lines.length < entries.length
      return Effect.succeed({ file: "causeway.log", cursor: head, size: head, lines, truncated: isCut, reset })
    },
  )

export const logMethods: ReadonlyArray<Row> = [
  [
    "logs.tail",
    "operator.read",
    dialectMethod(Schema.Struct({ cursor: number, limit: number, maxBytes: number }), ({ cursor, limit, maxBytes }) =>
      tail(
        cursor == null ? undefined : Math.floor(cursor),
        bounded(limit, LINES, LINES),
        maxBytes ?? Number.POSITIVE_INFINITY,
        false,
      ),
    ),
  ],
]
