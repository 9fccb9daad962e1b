/**
 * Adds messages to a transcript without a run. Runs uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AgentNotFound } from "../../domain/Agent.ts"
import { IdempotencyConflict } from "../../domain/Chat.ts"
import type { LimitReached } from "../../domain/LimitReached.ts"
import type { Message, MessageRole } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import * as SessionLimit from "../sessions/SessionLimit.ts"
import { newSession } from "../sessions/NewSession.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"

export interface Injection {
  readonly sessionKey: string
  readonly text: string
  readonly role: Exclude<MessageRole, "tool">
  /** A repeated key returns the first message. */
  readonly idempotencyKey?: string | undefined
}

/** Makes the function that injects a message. `agentFor` returns the agent of a session that does not exist yet. */
export const make = Effect.fnUntraced(function* (
  agentFor: (sessionKey: string) => Effect.Effect<string, AgentNotFound>,
) {
  const events = yield* Events
  const limitFor = yield* SessionLimit.make
  const sessions = yield* Sessions

  return Effect.fn("Runs.inject")(function* ({ idempotencyKey, role, sessionKey, text }: Injection) {
    const agentId = sessions.find(sessionKey)?.agentId ?? (yield* agentFor(sessionKey))
    const at = yield* Clock.currentTimeMillis
    const work = Effect.gen(function* (): Effect.fn.Return<Change<Message>, LimitReached | StorageUnavailable, Tx> {
      const { messages } = yield* Tx
      const known = idempotencyKey === undefined ? undefined : yield* messages.injected(idempotencyKey)
      if (known !== undefined) return [known, []]
      const limit = limitFor(sessionKey)
      if (limit !== undefined) return yield* limit
      const session = newSession({ key: sessionKey, agentId, createdAt: at })
      return yield* Transcript.inject(session, { sessionKey, injectionKey: idempotencyKey, role, text, at })
    })
    const message = yield* events.commit(work)
    if (idempotencyKey === undefined || isSame(message, { sessionKey, role, text })) return message
    return yield* new IdempotencyConflict({ idempotencyKey, sessionKey: message.sessionKey })
  })
})

/** Compares well-formed texts, because storage replaces unpaired surrogates. */
const isSame = (message: Message, { role, sessionKey, text }: Pick<Message, "role" | "sessionKey" | "text">) =>
  message.sessionKey === sessionKey && message.role === role && message.text.toWellFormed() === text.toWellFormed()
