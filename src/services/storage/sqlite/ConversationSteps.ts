/** The stores of sessions and messages on SQLite. SqliteStores makes them of the statements of three tables. */
import * as Effect from "effect/Effect"
import { countersOf } from "../Columns.ts"
import type { MessageStore } from "../MessageStore.ts"
import type { NewSession, SessionStore } from "../SessionStore.ts"
import type { MessageRows } from "./MessageRows.ts"
import type { SessionRows } from "./SessionRows.ts"
import { step } from "./Step.ts"
import type { TurnRows } from "./TurnRows.ts"

const open = (sessions: SessionRows, session: NewSession) => {
  const known = sessions.get(session.key)
  return { session: known ?? sessions.insert(session), opened: known === undefined }
}

export const sessionSteps = (turns: TurnRows, sessions: SessionRows, messages: MessageRows): SessionStore => ({
  page: (after, limit) => step(() => sessions.page(Number(after ?? 0), limit)),
  get: (key) => step(() => sessions.get(key)),
  look: (key) => step(() => ({ session: sessions.get(key), newestMessageId: messages.newestId(key) })),
  open: (session) => step(() => open(sessions, session)),
  update: (key, settings, at) => step(() => sessions.update(key, settings, at)),
  reset: (key, at) =>
    step(() => {
      const before = sessions.get(key)
      if (before === undefined) return undefined
      const ended = turns.abortAll(key, at)
      sessions.retire(key)
      return { session: sessions.empty(key, at)!, messages: before.messageCount, ended }
    }),
  remove: (key, at) =>
    step(() => {
      const before = sessions.get(key)
      if (before === undefined) return undefined
      const ended = turns.abortAll(key, at)
      sessions.retire(key)
      sessions.remove(key)
      return { messages: before.messageCount, ended }
    }),
})

export const messageSteps = (sessions: SessionRows, messages: MessageRows): MessageStore => ({
  page: (sessionKey, before, limit, maxChars) => step(() => messages.page(sessionKey, before, limit, maxChars)),
  history: (sessionKey, before, limit, maxChars) => step(() => messages.history(sessionKey, before, limit, maxChars)),
  // Reading one session at a time keeps the event loop free between long transcripts.
  previews: (sessionKeys, limit) =>
    Effect.map(
      Effect.forEach(sessionKeys, (key) =>
        Effect.andThen(
          Effect.yieldNow,
          step(() => [key, messages.previews(key, limit)] as const),
        ),
      ),
      (entries) => new Map(entries),
    ),
  ofRun: (sessionKey, runId) => step(() => messages.ofRun(sessionKey, runId)),
  injected: (key) => step(() => messages.injected(key)),
  inject: (session, message) =>
    step(() => {
      const { opened } = open(sessions, session)
      if (message.injectionKey !== undefined) messages.freeKey(message.injectionKey)
      const { sessionKey, ...rest } = message
      const added = messages.insert({ sessionKey, runId: null, ...rest, step: 0 })!
      return { message: added, session: sessions.count(session.key, countersOf(added), added.at)!, opened }
    }),
  summarize: (sessionKey, { text, upTo, usage }, at) =>
    step(() => {
      const replaced = messages.newestSummary(sessionKey, Number.MAX_SAFE_INTEGER)?.summaryUpTo ?? 0
      if (replaced >= upTo || !messages.has(sessionKey, upTo)) return undefined
      const summary = { sessionKey, runId: null, step: 0, role: "system" as const, text, summaryUpTo: upTo, at }
      const message = messages.insert({ ...summary, ...(usage !== undefined && { usage }) })!
      return { message, session: sessions.count(sessionKey, countersOf(message), at)! }
    }),
  removeSome: (limit) =>
    step(() => {
      let removed = 0
      while (removed < limit) {
        const more = messages.removeOld(limit - removed)
        if (more === undefined) break
        removed += more
      }
      return removed
    }),
})
