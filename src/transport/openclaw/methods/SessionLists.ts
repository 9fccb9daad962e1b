/**
 * Session lists: finding and showing sessions. Lists have offsets here, over the contract's pages with cursors. Pure;
 * what changes sessions is SessionChanges.ts, and who is told of changes Audience.ts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import { cut } from "../../../domain/Text.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, fail, type Query, type Params } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { bounded, flag, id, invalid, key, keys, name, number } from "../wire/Params.ts"
import { agentCatalog } from "./AgentCatalog.ts"
import { now, openRuns, rowOf, sessionFacts, sessionFor } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { fullRow, sessionDefaults, titleOf } from "./SessionViews.ts"

/** Where the sessions are, for clients that show it: not in a file of theirs. */
export const STORE = "(gateway)"

const PAGE = 200
const LIMIT = 100
/** Rows in one answer, however many are asked for. */
const LIMIT_MAX = 1_000
const MINUTE_MS = 60_000

type SessionQuery = Params<"sessions.list">

/** The first `count` sessions that match, and how many there are. */
const firstSessions = (
  query: SessionQuery,
  count: number,
): Query<{ readonly sessions: ReadonlyArray<Session>; readonly total: number }> => {
  const page = (
    before: ReadonlyArray<Session>,
    cursor: string | undefined,
  ): Query<{ readonly sessions: ReadonlyArray<Session>; readonly total: number }> =>
    Effect.flatMap(
      call("sessions.list", {
        ...query,
        limit: Math.min(PAGE, count - before.length),
        ...(cursor !== undefined && { cursor }),
      }),
      ({ nextCursor, sessions, total }) => {
        const found = [...before, ...sessions]
        return nextCursor === null || found.length >= count
          ? Effect.succeed({ sessions: found, total })
          : page(found, nextCursor)
      },
    )
  return page([], undefined)
}

export const newestSessions = (count: number, agentId?: string) =>
  firstSessions({ sortBy: "updatedAt", order: "desc", ...given({ agentId }) }, count)

/** All that have got a message since, of one agent or of all. */
export const activeSince = (updatedSince: number, agentId?: string) =>
  Effect.map(
    firstSessions({ updatedSince, ...given({ agentId }) }, Number.MAX_SAFE_INTEGER),
    ({ sessions }) => sessions,
  )

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

/** No session is archived, was begun by another, is somebody's or is shown as a dashboard. */
const isNone = ({ archived, boardFace, creatorId, involvingProfileId, ownerId, spawnedBy }: ListParams): boolean =>
  archived === true ||
  boardFace === "dashboard" ||
  [spawnedBy, creatorId, ownerId, involvingProfileId].some((value) => trimmed(value) !== undefined)

const nobody = { sessions: [], total: 0 }

export const sessionList = (params: ListParams) => {
  const limit = bounded(params.limit, LIMIT, LIMIT_MAX)
  const offset = bounded((params.offset ?? 0) + 1, 1, Number.MAX_SAFE_INTEGER) - 1
  const agentId = trimmed(params.agentId)
  const label = trimmed(params.label)
  return Effect.flatMap(now(), (at) => {
    const query = given({
      agentId,
      search: trimmed(params.search) ?? label,
      updatedSince: params.activeMinutes == null ? undefined : at - params.activeMinutes * MINUTE_MS,
    })
    const found = isNone(params)
      ? Effect.succeed(nobody)
      : firstSessions({ ...query, sortBy: "updatedAt", order: "desc" }, offset + limit)
    return Effect.map(Effect.all({ found, roster: agentCatalog, runs: openRuns() }), ({ found, roster, runs }) => {
      const matching = label === undefined ? found.sessions : found.sessions.filter((row) => row.label === label)
      const total = label === undefined ? found.total : matching.length
      const rows = matching.slice(offset, offset + limit)
      const end = offset + rows.length
      const runsOf = (key: string) => runs.filter(({ sessionKey }) => sessionKey === key).map(({ runId }) => runId)
      return {
        ts: at,
        path: STORE,
        count: rows.length,
        totalCount: total,
        limitApplied: limit,
        nextOffset: end < total && rows.length > 0 ? end : null,
        hasMore: end < total && rows.length > 0,
        owners: [],
        defaults: sessionDefaults(roster, agentId),
        sessions: rows.map((session) => fullRow(session, roster, at, runsOf(session.key))),
      }
    })
  })
}

const describe = dialectMethod(Schema.Struct({ key, agentId: name }), ({ agentId, key }) => {
  const canonical = canonicalKey(key, agentId)
  return Effect.map(sessionFacts(canonical), (facts) => ({
    session: facts.session === undefined ? null : rowOf(facts, canonical),
  }))
})

/** A session by its UUID, among the most recent: clients give one that a list has told them. */
export const byId = (sessionId: string) =>
  Effect.map(firstSessions({ sortBy: "updatedAt", order: "desc" }, LIMIT_MAX), ({ sessions }) =>
    sessions.find((session) => sessionIdOf(session) === sessionId),
  )

export const noSession = (subject: string) => fail({ _tag: "Domain", error: { _tag: "SessionNotFound", subject } })

const resolve = dialectMethod(
  Schema.Struct({ key, sessionId: id, label: name, agentId: name, allowMissing: flag }),
  ({ agentId, allowMissing, key, label, sessionId }) => {
    const missing = (subject: string) => (allowMissing === true ? Effect.succeed({ ok: false }) : noSession(subject))
    const orMissing = (subject: string) => (fault: Fault) => (fault._tag === "Domain" ? missing(subject) : fail(fault))
    const tell = (session: Session | undefined, subject: string) =>
      session === undefined
        ? missing(subject)
        : Effect.succeed({
            ok: true,
            key: session.key,
            agentId: session.agentId,
            ...given({ displayName: titleOf(session) }),
          })
    if (trimmed(sessionId) !== undefined) {
      return Effect.flatMap(byId(sessionId!), (session): Query<object> => tell(session, sessionId!))
    }
    if (trimmed(label) !== undefined) {
      return Effect.matchEffect(call("sessions.resolve", { label: label!, ...given({ agentId: trimmed(agentId) }) }), {
        onSuccess: ({ agentId, sessionKey }): Query<object> => Effect.succeed({ ok: true, key: sessionKey, agentId }),
        onFailure: orMissing(label!),
      })
    }
    if (key == null) return invalid("key, sessionId or label is required")
    const canonical = canonicalKey(key, agentId)
    return Effect.flatMap(sessionFor(canonical), (session): Query<object> => tell(session, canonical))
  },
)

const PREVIEW_KEYS = 50
const PREVIEW_ITEMS = 20

const preview = dialectMethod(Schema.Struct({ keys, limit: number, maxChars: number }), ({ keys, limit, maxChars }) => {
  const asked = (keys ?? []).slice(0, PREVIEW_KEYS)
  const shown = (text: string) => (maxChars == null ? text : cut(text, maxChars))
  const previews = Effect.map(
    call("sessions.preview", { keys: asked.map((key) => canonicalKey(key)), limit: bounded(limit, 12, PREVIEW_ITEMS) }),
    ({ previews }) => previews,
  )
  return Effect.map(Effect.all({ ts: now(), previews }), ({ previews, ts }) => ({
    ts,
    previews: asked.map((key) => {
      const found = previews.find((preview) => preview.key === canonicalKey(key))
      return found === undefined
        ? { key, status: "missing", items: [] }
        : { key, status: "ok", items: found.messages.map(({ role, text }) => ({ role, text: shown(text) })) }
    }),
  }))
})

export const sessionListMethods: ReadonlyArray<Row> = [
  ["sessions.list", "operator.read", dialectMethod(ListParams, sessionList)],
  ["sessions.describe", "operator.read", describe],
  ["sessions.resolve", "operator.read", resolve],
  ["sessions.preview", "operator.read", preview],
]
