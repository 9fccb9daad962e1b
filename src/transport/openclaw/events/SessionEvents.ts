/**
 * Session events: what becomes of sessions and which messages they get, for those who have subscribed. A row is told with
 * its model and its open runs, which takes asking. Pure.
 */
import * as Effect from "effect/Effect"
import type { Message } from "../../../domain/Message.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import type { Session } from "../../../domain/Session.ts"
import type { Query } from "../../dialect/Query.ts"
import { messagesOf } from "../methods/ChatMessages.ts"
import { agentCatalog } from "../methods/AgentCatalog.ts"
import type { Payload } from "./RunEvents.ts"
import { openRuns } from "../methods/SessionQueries.ts"
import { fullRow } from "../methods/SessionViews.ts"

/** The row stands in it twice: whole, and field by field for clients that merge what they are told. */
export const sessionChanged = (session: Session, reason: "create" | "patch", at: number): Query<Payload> =>
  Effect.map(Effect.all({ roster: agentCatalog, runs: openRuns(session.key) }), ({ roster, runs }) => {
    const ts = Math.floor(at)
    const runIds = runs.map(({ runId }) => runId)
    const { key, ...row } = fullRow(session, roster, ts, runIds)
    return ["sessions.changed", { ...row, sessionKey: key, reason, ts, session: { key, ...row } }]
  })

const ofAgent = (sessionKey: string) => {
  const agentId = agentOfSessionKey(sessionKey)
  return agentId === undefined ? {} : { agentId }
}

export const sessionClosed = (sessionKey: string, at: number): Payload => [
  "sessions.changed",
  { sessionKey, ...ofAgent(sessionKey), reason: "delete", ts: Math.floor(at) },
]

/** A failed run takes back what its tools said, and a reset removes everything: clients read the history again. */
export const messagesRemoved = (sessionKey: string, reason: string, at: number): Payload => [
  "sessions.changed",
  { sessionKey, ...ofAgent(sessionKey), reason: reason === "reset" ? "reset" : "messages-removed", ts: Math.floor(at) },
]

export const messageAdded = (message: Message): ReadonlyArray<Payload> =>
  messagesOf(message).map((told) => [
    "session.message",
    {
      sessionKey: message.sessionKey,
      ...ofAgent(message.sessionKey),
      message: told,
      messageId: String(message.id),
      messageSeq: message.id,
    },
  ])
