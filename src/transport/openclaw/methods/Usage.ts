/**
 * Usage: the methods that return the token usage of sessions by day. The gateway has no prices, so it reports every cost
 * as missing. All tokens of a session count on the day of its last message (UTC).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Session } from "../../../domain/Session.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import type { Row } from "./MethodTable.ts"
import { hasText, trimmed } from "../../dialect/Params.ts"
import { bounded, invalid, name, NoParams, number } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"
import { activeSince } from "./SessionLists.ts"

const DAY_MS = 86_400_000
const DAYS = 30
/** The largest number of days in one answer. */
const DAYS_MAX = 366

const ranges: { readonly [range: string]: number } = { "7d": 7, "30d": 30, "90d": 90, "1y": 365, all: DAYS_MAX }

const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** Returns the start of a day, or `undefined` for an invalid date. */
const dayOf = (date: string): number | undefined => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

const noCost = { totalCost: 0, inputCost: 0, outputCost: 0, cacheReadCost: 0, cacheWriteCost: 0 }

const totalsOf = (sessions: ReadonlyArray<Session>) => {
  const spending = sessions.filter(({ totalTokens }) => totalTokens > 0)
  const sum = (tokens: (session: Session) => number) => spending.reduce((total, session) => total + tokens(session), 0)
  const input = sum(({ inputTokens }) => inputTokens)
  const output = sum(({ outputTokens }) => outputTokens)
  const tokens = { input, output, cacheRead: 0, cacheWrite: 0, totalTokens: input + output }
  return { ...tokens, ...noCost, missingCostEntries: spending.length }
}

const dayRow = (date: string, sessions: ReadonlyArray<Session>) => ({ date, ...totalsOf(sessions) })

const CostParams = Schema.Struct({
  days: number,
  range: name,
  startDate: name,
  endDate: name,
  agentId: name,
  agentScope: name,
})

/** Returns the first and the last day of the request, or `undefined` if they are not valid days in this order. */
const periodOf = ({ days, endDate, range, startDate }: typeof CostParams.Type, at: number) => {
  const last = dayOf(trimmed(endDate) ?? dateOf(at))
  if (last === undefined) return undefined
  const count = ranges[range ?? ""] ?? bounded(days, DAYS, DAYS_MAX)
  const first = hasText(startDate) ? dayOf(startDate.trim()) : last - (count - 1) * DAY_MS
  return first === undefined || first > last
    ? undefined
    : { first: Math.max(first, last - (DAYS_MAX - 1) * DAY_MS), last }
}

const cost = dialectMethod(CostParams, (params) =>
  Effect.gen(function* () {
    const agentId = params.agentScope === "all" ? undefined : (trimmed(params.agentId) ?? MAIN_AGENT)
    const at = yield* now()
    const period = periodOf(params, at)
    if (period === undefined) return yield* invalid("startDate and endDate must be YYYY-MM-DD, in this order")
    const { first, last } = period
    const days = Math.round((last - first) / DAY_MS) + 1
    const dates = Array.from({ length: days }, (_, i) => dateOf(first + i * DAY_MS))
    const sessions = (yield* activeSince(first, agentId)).filter(({ updatedAt }) => updatedAt < last + DAY_MS)
    const byDate = Map.groupBy(sessions, ({ updatedAt }) => dateOf(updatedAt))
    return {
      updatedAt: at,
      days,
      daily: dates.map((date) => dayRow(date, byDate.get(date) ?? [])),
      totals: totalsOf(sessions),
      cacheStatus: { status: "fresh", cachedFiles: 0, pendingFiles: 0, staleFiles: 0 },
    }
  }),
)

/** The gateway does not know the quotas of providers. */
const status = dialectMethod(NoParams, () => Effect.map(now(), (updatedAt) => ({ updatedAt, providers: [] })))

export const usageMethods: ReadonlyArray<Row> = [
  ["usage.status", "operator.read", status],
  ["usage.cost", "operator.read", cost],
]
