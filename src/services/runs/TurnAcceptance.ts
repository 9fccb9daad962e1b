/**
 * Acceptances: how a send becomes a turn, within a commit: a key that was sent before is known again, and what does not
 * fit is refused. Runs and ChatCommands use it.
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

/** A send with its place: the session as it begins if it is not there yet. */
export interface Sent {
  readonly runId: string
  readonly session: NewSession
  readonly principal: Principal
  readonly text: string
  readonly deadlineAt?: number | undefined
  readonly expected?: SessionExpectation | undefined
}

export type Answer = Result.Result<Acceptance, IdempotencyConflict | LimitReached | SessionBusy | SessionConflict>

export const make = Effect.gen(function* () {
  const { limits, runs: limit } = yield* GatewayConfig
  const tooManySessions = yield* SessionLimit.make
  const open = yield* OpenRuns
  const events = yield* Events
  const transcript = yield* Transcript

  /** The answer to a key that was sent before; undefined: it is new. */
  const repeated = ({ runId, session: { key: sessionKey }, text }: Sent): Answer | undefined => {
    const known = transcript.turns.get(runId)
    if (known === undefined) return undefined
    if (known.sessionKey !== sessionKey || !transcript.turns.asked(runId, text)) {
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

    /** A turn for the agent: of all that was sent, or of the `part` that a command leaves. */
    take: (sent: Sent, part = sent.text): Change<Answer> => {
      const known = repeated(sent)
      if (known !== undefined) return [known, []]
      const { key: sessionKey } = sent.session
      if (!transcript.isExpected(sessionKey, sent.expected))
        return [Result.fail(new SessionConflict({ sessionKey })), []]
      const waiting = transcript.turns.waiting(sessionKey)
      if (waiting >= limit.waitingPerSession) return [Result.fail(new SessionBusy({ sessionKey, waiting })), []]
      const tooMany =
        open.waiting() >= limits.queuedRuns
          ? LimitReached.of("queuedRuns", limits.queuedRuns)
          : tooManySessions(sessionKey)
      if (tooMany !== undefined) return [Result.fail(tooMany), []]
      const turn = { ...turnOf(sent), text: part, message: sent.text }
      return [accepted(turn), transcript.accept(sent.session, turn)]
    },

    /** A turn that the gateway itself has answered. */
    answer: (sent: Sent, reply: string): Change<Answer> => {
      const known = repeated(sent)
      if (known !== undefined) return [known, []]
      const turn = turnOf(sent)
      return [accepted(turn), transcript.answer(turn, reply, turn.acceptedAt)]
    },
  }
})
