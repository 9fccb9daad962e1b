/**
 * Turns a send into a stored turn, inside a commit. It recognizes repeated keys and enforces the limits. Runs and
 * ChatCommands use it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Acceptance, IdempotencyConflict, SessionBusy } from "../../domain/Chat.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import type { Principal } from "../../domain/Principal.ts"
import { SessionConflict, type SessionExpectation } from "../../domain/Session.ts"
import { type Change, Events } from "../events/Events.ts"
import { OpenRuns } from "./OpenRuns.ts"
import * as SessionLimit from "../sessions/SessionLimit.ts"
import type { NewSession } from "../transcript/SessionStore.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { NewTurn } from "../transcript/TurnStore.ts"

/** A send whose session and agent are known. `session` holds the fields for a new session. */
export interface Sent {
  readonly runId: string
  readonly session: NewSession
  readonly principal: Principal
  readonly text: string
  readonly deadlineAt?: number | undefined
  readonly expected?: SessionExpectation | undefined
}

/** The result of a send, as a value: a refused send commits nothing. */
export type Answer = Result.Result<Acceptance, IdempotencyConflict | LimitReached | SessionBusy | SessionConflict>

export const make = Effect.gen(function* () {
  const { limits, runs } = yield* GatewayConfig
  const sessionLimitFor = yield* SessionLimit.make
  const open = yield* OpenRuns
  const events = yield* Events
  const transcript = yield* Transcript

  /** Returns the result for a key that was sent before, or `undefined` for a new key. */
  const repeated = ({ runId, session: { key: sessionKey }, text }: Sent): Answer | undefined => {
    const known = transcript.turns.get(runId)
    if (known === undefined) return undefined
    if (known.sessionKey !== sessionKey || !transcript.turns.hasText(runId, text)) {
      return Result.fail(new IdempotencyConflict({ idempotencyKey: runId, sessionKey: known.sessionKey }))
    }
    const position = { epoch: events.head().epoch, seq: known.acceptedAfter }
    return Result.succeed({ runId, sessionKey, agentId: known.agentId, duplicate: true, position })
  }

  const turnOf = ({ deadlineAt, principal, runId, session, text }: Sent): NewTurn => {
    const { agentId, createdAt: acceptedAt, key: sessionKey } = session
    return { runId, sessionKey, agentId, principal, text, acceptedAt, acceptedAfter: events.head().seq, deadlineAt }
  }

  const accepted = ({ agentId, runId, sessionKey }: NewTurn): Answer =>
    Result.succeed({ runId, sessionKey, agentId, duplicate: false, position: events.head() })

  return {
    repeated,

    /** Stores a turn for the agent. Its text is the whole message, or the `part` after a command. */
    accept: (sent: Sent, part = sent.text): Change<Answer> => {
      const known = repeated(sent)
      if (known !== undefined) return [known, []]
      const { key: sessionKey } = sent.session
      if (!transcript.isExpected(sessionKey, sent.expected))
        return [Result.fail(new SessionConflict({ sessionKey })), []]
      const waiting = transcript.turns.waiting(sessionKey)
      if (waiting >= runs.waitingPerSession) return [Result.fail(new SessionBusy({ sessionKey, waiting })), []]
      const limitReached =
        open.waiting() >= limits.queuedRuns
          ? LimitReached.of("queuedRuns", limits.queuedRuns)
          : sessionLimitFor(sessionKey)
      if (limitReached !== undefined) return [Result.fail(limitReached), []]
      const turn = { ...turnOf(sent), text: part, message: sent.text }
      return [accepted(turn), transcript.accept(sent.session, turn)]
    },

    /** Stores a turn to which the gateway itself replies. */
    answer: (sent: Sent, reply: string): Change<Answer> => {
      const known = repeated(sent)
      if (known !== undefined) return [known, []]
      const turn = turnOf(sent)
      return [accepted(turn), transcript.answer(turn, reply, turn.acceptedAt)]
    },
  }
})
