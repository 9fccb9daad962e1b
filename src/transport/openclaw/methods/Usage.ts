/**
 * Usage: how many tokens the sessions have taken, by day. The gateway knows no prices, so that each cost is told as
 * missing, not as nothing. A session's tokens count on the day of its last message (UTC). Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Session } from "../../../domain/Session.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import type { Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed } from "../../dialect/Params.ts"
import { bounded, invalid, name, Nothing, number } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"
import { activeSince } from "./SessionLists.ts"

const DAY_MS = 86_400_000
const DAYS = 30
/** Days that are told one by one, however many are asked for. */
const DAYS_MAX = 366

const ranges: { readonly [range: string]: number } = { "7d": 7, "30d": 30, "90d": 90, "1y": 365, all: DAYS_MAX }

const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

const dayOf = (date: string | undefined): number | undefined => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(date ?? "") ? Date.parse(`${date}T00:00:00Z`) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

const noCost = { totalCost: 0, inputCost: 0, outputCost: 0, cacheReadCost: 0, cacheWriteCost: 0 }

/** Of these sessions together. */
const totalsOf = (sessions: ReadonlyArray<Session>) => {
  const spending = sessions.filter(({ totalTokens }) => totalTokens > 0)
  const sum = (tokens: (session: Session) => number) => spending.reduce((total, session) => total + tokens(session), 0)
  const input = sum(({ inputTokens }) => inputTokens)
  const output = sum(({ outputTokens }) => outputTokens)
  const tokens = { input, output, cacheRead: 0, cacheWrite: 0, totalTokens: input + output }
  return { ...tokens, ...noCost, missingCostEntries: spending.length }
}

const dayRow = (date: string, sessions: ReadonlyArray<Session>) => ({ date, ...totalsOf(sessions) })

const Asked = Schema.Struct({
  days: number,
  range: name,
  startDate: name,
  endDate: name,
  agentId: name,
  agentScope: name,
})

/** The first and the last day that are asked for; undefined: not both can be read. */
const daysAsked = ({ days, endDate, range, startDate }: typeof Asked.Type, at: number) => {
  const last = trimmed(endDate) === undefined ? dayOf(dateOf(at)) : dayOf(trimmed(endDate))
  if (last === undefined) return undefined
  const count = ranges[range ?? ""] ?? bounded(days, DAYS, DAYS_MAX)
  const first = trimmed(startDate) === undefined ? last - (count - 1) * DAY_MS : dayOf(trimmed(startDate))
  return first === undefined || first > last
    ? undefined
    : { first: Math.max(first, last - (DAYS_MAX - 1) * DAY_MS), last }
}

const cost = dialectMethod(Asked, (params) => {
  const scope = params.agentScope === "all" ? undefined : (trimmed(params.agentId) ?? MAIN_AGENT)
  return Effect.flatMap(now(), (at): Query<object> => {
    const asked = daysAsked(params, at)
    if (asked === undefined) return invalid("startDate and endDate must be YYYY-MM-DD, in this order")
    const { first, last } = asked
    const days = Math.round((last - first) / DAY_MS) + 1
    const dates = Array.from({ length: days }, (_, i) => dateOf(first + i * DAY_MS))
    return Effect.map(activeSince(first, scope), (sessions) => {
      const within = sessions.filter(({ updatedAt }) => updatedAt < last + DAY_MS)
      const byDate = Map.groupBy(within, ({ updatedAt }) => dateOf(updatedAt))
      return {
        updatedAt: at,
        days,
        daily: dates.map((date) => dayRow(date, byDate.get(date) ?? [])),
        totals: totalsOf(within),
        cacheStatus: { status: "fresh", cachedFiles: 0, pendingFiles: 0, staleFiles: 0 },
      }
    })
  })
})

export const usageMethods: ReadonlyArray<Row> = [
  // Of providers' quotas nothing is known.
  [
    "usage.status",
    "operator.read",
    dialectMethod(Nothing, () => Effect.map(now(), (updatedAt) => ({ updatedAt, providers: [] }))),
  ],
  ["usage.cost", "operator.read", cost],
]
