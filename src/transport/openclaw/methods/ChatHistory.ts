/**
 * Chat history: a transcript from its end backwards, with the session that it belongs to and what is being said in it
 * now. `chat.history` and `chat.startup` ask the same. Pure; it knows no frame.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { newestMessages } from "../../dialect/Queries.ts"
import type { Query } from "../../dialect/Query.ts"
import { cut, messagesOf } from "./ChatMessages.ts"
import { changed, isSession } from "./Guards.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed } from "../../dialect/Params.ts"
import { bounded, cursor, id, key, name, number } from "../wire/Params.ts"
import { type SessionFacts, rowOf, sessionFacts } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { sessionDefaults } from "./SessionViews.ts"

const LIMIT = 200
const LIMIT_MAX = 1_000

/** The last that fit together, at least one: clients say how much they can take. */
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

interface Asked {
  /** The transcript that it has to be. */
  readonly sessionId: string | undefined
  readonly limit: number
  /** Of the newest messages, how many are passed over. */
  readonly offset: number
  readonly maxBytes: number
  readonly maxChars: number
}

interface Page {
  readonly messages: ReadonlyArray<unknown>
  readonly hasMore: boolean
  readonly nextOffset?: number
}

const pageOf = (
  { key, messageCount }: { readonly key: string; readonly messageCount: number },
  { limit, maxBytes, maxChars, offset }: Asked,
): Query<Page> =>
  Effect.map(newestMessages(key, offset + limit), (found) => {
    const asked = found.slice(0, Math.max(0, found.length - offset)).slice(-limit)
    const kept = fitting(
      asked.map((message) => messagesOf(cut(message, maxChars))),
      maxBytes,
    )
    const nextOffset = offset + kept.length
    const hasMore = nextOffset < messageCount
    return { messages: kept.flat(), hasMore, ...(hasMore && { nextOffset }) }
  })

const emptyPage: Query<Page> = Effect.succeed({ messages: [], hasMore: false })

/** What is being said now: a client that comes in the middle shows it, and the deltas go on from there. */
const inFlight = ({ runs }: SessionFacts) => {
  const run = runs.find(({ state }) => state === "running")
  return run === undefined ? {} : { inFlightRun: { runId: run.runId, text: run.text } }
}

/** `requested`: the key as the client wrote it, by which it knows the answer. */
export const history = (requested: string | null | undefined, agentId: string | undefined, asked: Asked) => {
  const key = canonicalKey(requested, agentId)
  return Effect.flatMap(sessionFacts(key), (facts): Query<object> => {
    if (!isSession(facts.session, asked.sessionId)) return changed(key)
    return Effect.map(
      facts.session === undefined ? emptyPage : pageOf(facts.session, asked),
      ({ messages, ...page }) => ({
        sessionKey: trimmed(requested) ?? key,
        ...(facts.session !== undefined && { sessionId: sessionIdOf(facts.session) }),
        messages,
        pendingInputs: { items: [], total: 0 },
        ...page,
        totalMessages: facts.session?.messageCount ?? 0,
        ...inFlight(facts),
        defaults: sessionDefaults(facts.roster, facts.session?.agentId ?? agentId),
        sessionInfo: rowOf(facts, key, agentId),
      }),
    )
  })
}

const Asks = Schema.Struct({
  sessionKey: key,
  agentId: name,
  limit: number,
  offset: number,
  maxChars: number,
  maxBytes: number,
  cursor,
  sessionId: id,
})

const answer = dialectMethod(Asks, ({ agentId, cursor, limit, maxBytes, maxChars, offset, sessionId, sessionKey }) => {
  // No answer of ours gives a cursor: one that comes is another gateway's, and the client is to begin anew.
  if (trimmed(cursor) !== undefined) return Effect.succeed({ kind: "reset" })
  return history(sessionKey, trimmed(agentId), {
    sessionId: trimmed(sessionId),
    limit: bounded(limit, LIMIT, LIMIT_MAX),
    offset: bounded((offset ?? 0) + 1, 1, LIMIT_MAX) - 1,
    maxBytes: maxBytes ?? Number.POSITIVE_INFINITY,
    maxChars: maxChars ?? Number.POSITIVE_INFINITY,
  })
})

export const chatHistoryMethods: ReadonlyArray<Row> = [
  ["chat.history", "operator.read", answer],
  ["chat.startup", "operator.read", answer],
]
