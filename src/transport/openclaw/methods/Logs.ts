/**
 * Logs: the method `logs.tail`, which returns the gateway's log as the lines of a file from a cursor on. Each line is
 * JSON with the time, the level and the subsystem that OpenClaw's command line prints.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { LogEntry } from "../../../domain/Log.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
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

const read = (after: number | undefined, limit: number) =>
  call("logs.tail", { limit, ...(after !== undefined && { after }) })

const TailParams = Schema.Struct({ cursor: number, limit: number, maxBytes: number })

const tail = dialectMethod(TailParams, ({ cursor, maxBytes, ...params }) =>
  Effect.gen(function* () {
    const after = cursor == null ? undefined : Math.floor(cursor)
    const limit = bounded(params.limit, LINES, LINES)
    const page = yield* read(after, limit)
    // A start of the gateway empties the log. A cursor from before is beyond the end.
    const reset = after !== undefined && after > page.head
    const { entries, head, truncated } = reset ? yield* read(undefined, limit) : page
    const lines = fitting(entries.map(logLine), maxBytes ?? Number.POSITIVE_INFINITY)
    const isCut = truncated || lines.length < entries.length
    return { file: "causeway.log", cursor: head, size: head, lines, truncated: isCut, reset }
  }),
)

export const logMethods: ReadonlyArray<Row> = [["logs.tail", "operator.read", tail]]
