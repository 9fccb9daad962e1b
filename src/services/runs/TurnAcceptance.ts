/**
 * Turns a send into a stored turn, inside a commit. It recognizes repeated keys and enforces the limits. Runs and
 * ChatCommands use it.
 */
import * as Effect from "effect/Effect"
import { type Acceptance, IdempotencyConflict, SessionBusy } from "../../domain/Chat.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { QueueMode } from "../../domain/Run.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { SessionConflict, type SessionExpectation } from "../../domain/Session.ts"
import { Events } from "../events/Events.ts"
import type { BeginOfTurn } from "./BegunTurns.ts"
import { OpenRuns } from "./OpenRuns.ts"
import * as SessionLimit from "../sessions/SessionLimit.ts"
import type { NewSession } from "../storage/SessionStore.ts"
import { firstAttemptOf, type NewTurn, type TurnInput } from "../storage/TurnRow.ts"
import type { KnownTurn } from "../storage/TurnStore.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"

/** A send whose session and agent are known. `session` holds the fields for a new session. */
export interface Sent extends TurnInput {
  readonly runId: string
  readonly session: NewSession
  readonly principal: Principal
  /** Left out: `followup`. */
  readonly queue?: QueueMode | undefined
  readonly deadlineAt?: number | undefined
  readonly expected?: SessionExpectation | undefined
}

/** Why a send was refused. A refused send commits nothing. */
export type Refusal = IdempotencyConflict | LimitReached | SessionBusy | SessionConflict

export const make = Effect.gen(function* () {
  const { limits, runs } = yield* GatewayConfig
  const sessionLimitFor = yield* SessionLimit.make
  const open = yield* OpenRuns
  const events = yield* Events

  /** Answers a send whose key was sent before. Rows of old versions have no digest. */
  const repeat = (sent: Sent, known: KnownTurn) => {
    const { runId } = sent
    const { key: sessionKey } = sent.session
    if (known.sessionKey !== sessionKey || (known.digest !== null && known.digest !== Transcript.digestOf(sent))) {
      return Effect.fail(new IdempotencyConflict({ idempotencyKey: runId, sessionKey: known.sessionKey }))
    }
    const position = { epoch: events.head().epoch, seq: known.acceptedAfter }
    return Effect.succeed<Acceptance>({ runId, sessionKey, agentId: known.agentId, duplicate: true, position })
  }

  /** The turn's text is the whole message, or the `part` after a command. */
  const turnOf = (sent: Sent, text: string): NewTurn => {
    const { attachments, deadlineAt, principal, queue = "followup", runId, session } = sent
    const { agentId, createdAt: acceptedAt, key: sessionKey } = session
    const times = { acceptedAt, acceptedAfter: events.head().seq, deadlineAt }
    const digest = Transcript.digestOf(sent)
    return { runId, sessionKey, agentId, principal, queue, ...times, text, attachments, digest }
  }

  const accepted = ({ agentId, runId, sessionKey }: NewTurn): Acceptance => ({
    runId,
    sessionKey,
    agentId,
    duplicate: false,
    position: events.head(),
  })

  /** Returns the acceptance of a key that was sent before, or `undefined` for a new key. Part of a work. */
  const repeated = (sent: Sent) =>
    Effect.flatMap(Tx, ({ turns }) =>
      Effect.flatMap(turns.known(sent.runId), (known): Effect.Effect<Acceptance | undefined, IdempotencyConflict> =>
        known === undefined ? Effect.undefined : repeat(sent, known),
      ),
    )

  /** Returns the refusal of a send that cannot be accepted now, in case its key is new. */
  const refusalOf = Effect.fnUntraced(function* ({ expected, session: { key: sessionKey } }: Sent) {
    if (!(yield* Transcript.isExpected(sessionKey, expected))) return new SessionConflict({ sessionKey })
    if (open.waiting() >= limits.queuedRuns) return LimitReached.of("queuedRuns", limits.queuedRuns)
    return sessionLimitFor(sessionKey)
  })

  /** Stores a turn for the agent, and begins it if `begin` is given and the session is idle. */
  const accept = Effect.fnUntraced(function* (
    sent: Sent,
    { begin, part = sent.text }: { readonly begin?: BeginOfTurn | undefined; readonly part?: string } = {},
  ): Effect.fn.Return<Change<Acceptance>, Refusal | StorageUnavailable, Tx> {
    // The work may have run before.
    if (begin !== undefined) begin.started = undefined
    const refusal = yield* refusalOf(sent)
    if (refusal !== undefined) {
      const known = yield* repeated(sent)
      return known === undefined ? yield* refusal : [known, []]
    }
    const turn = turnOf(sent, part)
    const [row, happened] = yield* Transcript.accept(sent.session, turn, runs.waitingPerSession, begin !== undefined)
    switch (row._tag) {
      case "Known":
        return [yield* repeat(sent, row.turn), []]
      case "TooManyWait":
        return yield* new SessionBusy({ sessionKey: turn.sessionKey, waiting: row.waiting })
      case "Accepted":
        if (begin !== undefined && row.begun !== undefined) {
          const { input, messageId: before } = row.begun
          begin.started = { turn: firstAttemptOf(turn), input, session: row.session, before }
        }
        return [accepted(turn), happened]
    }
  })

  /** Stores a turn to which the gateway itself replies. */
  const answer = Effect.fnUntraced(function* (
    sent: Sent,
    reply: string,
  ): Effect.fn.Return<Change<Acceptance>, Refusal | StorageUnavailable, Tx> {
    const known = yield* repeated(sent)
    if (known !== undefined) return [known, []]
    const turn = turnOf(sent, sent.text)
    return [accepted(turn), yield* Transcript.answer(turn, reply)]
  })

  return { repeated, accept, answer }
})
