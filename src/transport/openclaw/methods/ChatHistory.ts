/**
 * ChatHistory: the methods `chat.history` and `chat.startup`. Both return the newest messages of a transcript with the
 * session's row and the partial output of its run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { hasText, trimmed } from "../../dialect/Params.ts"
import { newestMessages } from "../../dialect/Queries.ts"
import type { Query } from "../../dialect/Query.ts"
import { cut, messagesOf } from "./ChatMessages.ts"
import { conflict, isSession } from "./Guards.ts"
import type { Row } from "./MethodTable.ts"
import { bounded, cursor, id, key, name, number } from "../wire/Params.ts"
import { type SessionFacts, rowOf, sessionFacts } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { sessionDefaults } from "./SessionViews.ts"

const LIMIT = 200
const LIMIT_MAX = 1_000

/** Returns the last rows whose JSON fits into `maxBytes`, at least one. */
export const fitting = <A>(rows: ReadonlyArray<A>, maxBytes: number): ReadonlyArray<A> => {
  let first = rows.length
  let bytes = 0
  while (first > 0) {
    bytes += Buffer.byteLength(JSON.stringify(rows[first - 1]))
    if (bytes > maxBytes && first < rows.length) break
    first--
  }
  return rows.slice(first)
}

interface PageLimits {
  readonly limit: number
  /** The number of newest messages to skip. */
  readonly offset: number
  readonly maxBytes: number
  readonly maxChars: number
}

interface Page {
  readonly messages: ReadonlyArray<unknown>
  readonly hasMore: boolean
  readonly nextOffset?: number
}

const emptyPage: Page = { messages: [], hasMore: false }

const pageOf = (session: Session, { limit, maxBytes, maxChars, offset }: PageLimits): Query<Page> =>
  Effect.map(newestMessages(session.key, offset + limit), (newest) => {
    const page = newest.slice(0, Math.max(0, newest.length - offset)).slice(-limit)
    const kept = fitting(
      page.map((message) => messagesOf(cut(message, maxChars))),
      maxBytes,
    )
    const nextOffset = offset + kept.length
    const hasMore = nextOffset < session.messageCount
    return { messages: kept.flat(), hasMore, ...(hasMore && { nextOffset }) }
  })

/** The partial output of the running run. A client that joins now shows it and appends the deltas that follow. */
const inFlight = ({ runs }: SessionFacts) => {
  const run = runs.find(({ state }) => state === "running")
  return run === undefined ? {} : { inFlightRun: { runId: run.runId, text: run.text } }
}

interface HistoryOptions extends PageLimits {
  /** The session's key as the client wrote it. The answer repeats it. */
  readonly sessionKey: string | null | undefined
  readonly agentId: string | undefined
  /** The UUID of the transcript, as a condition. */
  readonly sessionId: string | undefined
}

const history = ({ agentId, sessionId, sessionKey, ...limits }: HistoryOptions): Query<object> =>
  Effect.gen(function* () {
    const key = canonicalKey(sessionKey, agentId)
    const facts = yield* sessionFacts(key)
    const { catalog, session } = facts
    if (!isSession(session, sessionId)) return yield* conflict(key)
    const { messages, ...page } = session === undefined ? emptyPage : yield* pageOf(session, limits)
    return {
      sessionKey: trimmed(sessionKey) ?? key,
      ...(session !== undefined && { sessionId: sessionIdOf(session) }),
      messages,
      pendingInputs: { items: [], total: 0 },
      ...page,
      totalMessages: session?.messageCount ?? 0,
      ...inFlight(facts),
      defaults: sessionDefaults(catalog, session?.agentId ?? agentId),
      sessionInfo: rowOf(facts, key, agentId),
    }
  })

const HistoryParams = Schema.Struct({
  sessionKey: key,
  agentId: name,
  limit: number,
  offset: number,
  maxChars: number,
  maxBytes: number,
  cursor,
  sessionId: id,
})

const chatHistory = dialectMethod(
  HistoryParams,
  ({ agentId, cursor, limit, maxBytes, maxChars, offset, sessionId, sessionKey }): Query<object> => {
    // This gateway gives no cursors. After a reset, a client with the cursor of another gateway starts over.
    if (hasText(cursor)) return Effect.succeed({ kind: "reset" })
    return history({
      sessionKey,
      agentId: trimmed(agentId),
      sessionId: trimmed(sessionId),
      limit: bounded(limit, LIMIT, LIMIT_MAX),
      offset: bounded((offset ?? 0) + 1, 1, LIMIT_MAX) - 1,
      maxBytes: maxBytes ?? Number.POSITIVE_INFINITY,
      maxChars: maxChars ?? Number.POSITIVE_INFINITY,
    })
  },
)

export const chatHistoryMethods: ReadonlyArray<Row> = [
  ["chat.history", "operator.read", chatHistory],
  ["chat.startup", "operator.read", chatHistory],
]
