/**
 * SessionLists: the methods that list, describe, find and preview sessions. Lists of this dialect have offsets, made from
 * the contract's pages with cursors. SessionChanges.ts has the methods that change sessions.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import { cut } from "../../../domain/Text.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { findSessions, type SessionsFound } from "../../dialect/Queries.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { call, fail, type Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { bounded, flag, id, invalid, key, keys, name, number } from "../wire/Params.ts"
import { agentCatalog } from "./AgentCatalog.ts"
import { now, openRuns, rowOf, sessionFacts, sessionFor } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { fullRow, sessionDefaults, titleOf } from "./SessionViews.ts"

/** The path of the session store that clients show. The gateway does not keep sessions in a file of OpenClaw's. */
export const STORE = "(gateway)"

const LIMIT = 100
/** The largest number of rows in one answer. */
const LIMIT_MAX = 1_000
const MINUTE_MS = 60_000

export const noSessions: SessionsFound = { sessions: [], total: 0 }

/** Returns the `count` sessions that were updated last. */
export const newestSessions = (count: number): Query<SessionsFound> =>
  findSessions({ sortBy: "updatedAt", order: "desc" }, count)

/** Returns all sessions with a message since the time, of one agent or of all agents. */
export const activeSince = (updatedSince: number, agentId?: string): Query<ReadonlyArray<Session>> =>
  Effect.map(findSessions({ updatedSince, ...given({ agentId }) }), ({ sessions }) => sessions)

export const ListParams = Schema.Struct({
  limit: number,
  offset: number,
  activeMinutes: number,
  agentId: name,
  label: name,
  search: name,
  spawnedBy: key,
  creatorId: id,
  ownerId: id,
  involvingProfileId: id,
  boardFace: name,
  archived: Schema.optionalKey(Schema.Unknown),
})
type ListParams = typeof ListParams.Type

/** Whether no session matches: no session here is archived, owned by a profile or on a dashboard. */
const matchesNone = ({ archived, boardFace, creatorId, involvingProfileId, ownerId }: ListParams): boolean =>
  archived === true || boardFace === "dashboard" || [creatorId, ownerId, involvingProfileId].some(hasText)

export const sessionList = (params: ListParams) =>
  Effect.gen(function* () {
    const limit = bounded(params.limit, LIMIT, LIMIT_MAX)
    const offset = bounded((params.offset ?? 0) + 1, 1, Number.MAX_SAFE_INTEGER) - 1
    const agentId = trimmed(params.agentId)
    const label = trimmed(params.label)
    const spawnedBy = trimmed(params.spawnedBy)
    const at = yield* now()
    const query = given({
      agentId,
      parentKey: spawnedBy === undefined ? undefined : canonicalKey(spawnedBy, agentId),
      search: trimmed(params.search) ?? label,
      updatedSince: params.activeMinutes == null ? undefined : at - params.activeMinutes * MINUTE_MS,
    })
    const found = matchesNone(params)
      ? noSessions
      : yield* findSessions({ ...query, sortBy: "updatedAt", order: "desc" }, offset + limit)
    const catalog = yield* agentCatalog
    const runs = yield* openRuns()

    // The contract searches in labels. This dialect wants the exact label.
    const matching = label === undefined ? found.sessions : found.sessions.filter((row) => row.label === label)
    const total = label === undefined ? found.total : matching.length
    const rows = matching.slice(offset, offset + limit)
    const end = offset + rows.length
    const hasMore = end < total && rows.length > 0
    const runsOf = (key: string) => runs.filter(({ sessionKey }) => sessionKey === key).map(({ runId }) => runId)
    return {
      ts: at,
      path: STORE,
      count: rows.length,
      totalCount: total,
      limitApplied: limit,
      nextOffset: hasMore ? end : null,
      hasMore,
      owners: [],
      defaults: sessionDefaults(catalog, agentId),
      sessions: rows.map((session) => fullRow(session, catalog, at, runsOf(session.key))),
    }
  })

const describe = dialectMethod(Schema.Struct({ key, agentId: name }), ({ agentId, key }) => {
  const sessionKey = canonicalKey(key, agentId)
  return Effect.map(sessionFacts(sessionKey), (facts) => ({
    session: facts.session === undefined ? null : rowOf(facts, sessionKey),
  }))
})

/** Finds a session by its UUID among the most recent: clients have the UUID from a list. */
export const byId = (sessionId: string): Query<Session | undefined> =>
  Effect.map(newestSessions(LIMIT_MAX), ({ sessions }) =>
    sessions.find((session) => sessionIdOf(session) === sessionId),
  )

export const sessionNotFound = (subject: string): Query<never> =>
  fail({ _tag: "Domain", error: { _tag: "SessionNotFound", subject } })

const resolve = dialectMethod(
  Schema.Struct({ key, sessionId: id, label: name, agentId: name, allowMissing: flag }),
  ({ agentId, allowMissing, key, label, sessionId }): Query<object> => {
    const missing = (subject: string) =>
      allowMissing === true ? Effect.succeed({ ok: false }) : sessionNotFound(subject)
    const answer = (session: Session | undefined, subject: string): Query<object> => {
      if (session === undefined) return missing(subject)
      const { agentId, key } = session
      return Effect.succeed({ ok: true, key, agentId, ...given({ displayName: titleOf(session) }) })
    }
    if (hasText(sessionId)) return Effect.flatMap(byId(sessionId), (session) => answer(session, sessionId))
    if (hasText(label)) {
      return call("sessions.resolve", { label, ...given({ agentId: trimmed(agentId) }) }).pipe(
        Effect.map(({ agentId, sessionKey }) => ({ ok: true, key: sessionKey, agentId })),
        Effect.catchTag("Domain", () => missing(label)),
      )
    }
    if (key == null) return invalid("key, sessionId or label is required")
    const sessionKey = canonicalKey(key, agentId)
    return Effect.flatMap(sessionFor(sessionKey), (session) => answer(session, sessionKey))
  },
)

const PREVIEW_KEYS = 50
const PREVIEW_ITEMS = 12
const PREVIEW_ITEMS_MAX = 20

const preview = dialectMethod(
  Schema.Struct({ keys, limit: number, maxChars: number }),
  ({ limit, maxChars, ...params }) =>
    Effect.gen(function* () {
      const keys = (params.keys ?? []).slice(0, PREVIEW_KEYS)
      const ts = yield* now()
      const { previews } = yield* call("sessions.preview", {
        keys: keys.map((key) => canonicalKey(key)),
        limit: bounded(limit, PREVIEW_ITEMS, PREVIEW_ITEMS_MAX),
      })
      const shown = (text: string) => (maxChars == null ? text : cut(text, maxChars))
      return {
        ts,
        previews: keys.map((key) => {
          const found = previews.find((preview) => preview.key === canonicalKey(key))
          return found === undefined
            ? { key, status: "missing", items: [] }
            : { key, status: "ok", items: found.messages.map(({ role, text }) => ({ role, text: shown(text) })) }
        }),
      }
    }),
)

export const sessionListMethods: ReadonlyArray<Row> = [
  ["sessions.list", "operator.read", dialectMethod(ListParams, sessionList)],
  ["sessions.describe", "operator.read", describe],
  ["sessions.resolve", "operator.read", resolve],
  ["sessions.preview", "operator.read", preview],
]
