/**
 * SessionEvents: payloads of the events of sessions and their messages, for clients that subscribed to them. Events.ts
 * makes frames of them. The row of a changed session needs calls for its model and its open runs.
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

/** The payload has the row twice: whole, and field by field for clients that merge the payload into their copy. */
export const sessionChanged = (session: Session, reason: "create" | "patch", at: number): Query<Payload> =>
  Effect.gen(function* () {
    const catalog = yield* agentCatalog
    const runs = yield* openRuns(session.key)
    const ts = Math.floor(at)
    const runIds = runs.map(({ runId }) => runId)
    const { key, ...row } = fullRow(session, catalog, ts, runIds)
    return ["sessions.changed", { ...row, sessionKey: key, reason, ts, session: { key, ...row } }]
  })

const agentField = (sessionKey: string) => {
  const agentId = agentOfSessionKey(sessionKey)
  return agentId === undefined ? {} : { agentId }
}

export const sessionClosed = (sessionKey: string, at: number): Payload => [
  "sessions.changed",
  { sessionKey, ...agentField(sessionKey), reason: "delete", ts: Math.floor(at) },
]

/** A failed run removes the messages of its tools, and a reset removes all messages. Clients read the history again. */
export const messagesRemoved = (sessionKey: string, reason: string, at: number): Payload => [
  "sessions.changed",
  {
    sessionKey,
    ...agentField(sessionKey),
    reason: reason === "reset" ? "reset" : "messages-removed",
    ts: Math.floor(at),
  },
]

export const messageAdded = (message: Message): ReadonlyArray<Payload> =>
  messagesOf(message).map((view) => [
    "session.message",
    {
      sessionKey: message.sessionKey,
      ...agentField(message.sessionKey),
      message: view,
      messageId: String(message.id),
      messageSeq: message.id,
    },
  ])
