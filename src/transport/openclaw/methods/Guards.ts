/**
 * Guards: the conditions of a client for a session that it changes or sends to. A client names a session by UUID and a
 * message by its entry. The contract compares the facts behind them in the commit that makes the change. The methods of
 * chats, agent runs and sessions use it.
 */
import * as Effect from "effect/Effect"
import type { Session, SessionExpectation } from "../../../domain/Session.ts"
import { hasText, trimmed } from "../../dialect/Params.ts"
import { catchError, fail, type Query } from "../../dialect/Query.ts"
import { id, number } from "../wire/Params.ts"
import { sessionFor } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"

/** The conditions of `sessions.patch`. */
export const patchConditions = { expectedSessionId: id, expectedLifecycleRevision: id }

/** The conditions of `sessions.delete`. */
export const deleteConditions = { ...patchConditions, expectedSessionUpdatedAt: number }

type Text = string | null | undefined

export interface Conditions {
  readonly expectedSessionId?: Text
  /** Sessions have no revisions here, so no revision matches. */
  readonly expectedLifecycleRevision?: Text
  readonly expectedSessionUpdatedAt?: number | null | undefined
  /** Null: the transcript is empty. */
  readonly expectedLeafEntryId?: Text
}

/** Conditions in the form of the contract. */
export interface Guard {
  /** `undefined`: there are no conditions. */
  readonly expected: SessionExpectation | undefined
  /** Fails with OpenClaw's conflict if the commit finds that the session has changed or does not exist. */
  readonly enforce: <A>(change: Query<A>) => Query<A>
}

/** No session meets this expectation. The change still runs, because the gateway recognizes a repeated send. */
const unmet: SessionExpectation = { createdAt: -1 }

export const isSession = (session: Session | undefined, sessionId: Text): boolean =>
  !hasText(sessionId) || (session !== undefined && sessionIdOf(session) === trimmed(sessionId))

type Reason = "session-changed" | "active-leaf-changed"

/** Fails with a conflict. By the reason, clients read the session again or show the message for review. */
export const conflict = (key: string, reason: Reason = "session-changed"): Query<never> =>
  fail({
    _tag: "Domain",
    error: { _tag: "SessionConflict", message: `Session ${key} has changed. Retry.`, reason },
  })

/** Returns the contract's id of the newest message. An entry of another gateway becomes an id that no message has. */
const lastMessageId = (entry: string | null): number | null =>
  entry === null ? null : /^\d{1,15}$/.test(entry) ? Number(entry) : -1

const enforcing =
  (key: string, reason?: Reason): Guard["enforce"] =>
  (change) => {
    const onConflict = () => conflict(key, reason)
    return catchError(catchError(change, "SessionNotFound", onConflict), "SessionConflict", onConflict)
  }

/** Returns the guard of a client's conditions. Fails at once if no session can meet them. */
export const guardOf = (key: string, conditions: Conditions): Query<Guard> =>
  Effect.gen(function* () {
    const { expectedLeafEntryId, expectedLifecycleRevision, expectedSessionId, expectedSessionUpdatedAt } = conditions
    if (hasText(expectedLifecycleRevision)) return yield* conflict(key)
    const enforce = enforcing(key, expectedLeafEntryId === undefined ? "session-changed" : "active-leaf-changed")
    const seen = {
      ...(expectedSessionUpdatedAt != null && { updatedAt: expectedSessionUpdatedAt }),
      ...(expectedLeafEntryId !== undefined && { lastMessageId: lastMessageId(expectedLeafEntryId) }),
    }
    if (!hasText(expectedSessionId)) {
      return { enforce, expected: Object.keys(seen).length === 0 ? undefined : seen }
    }
    const session = yield* sessionFor(key)
    if (session === undefined || !isSession(session, expectedSessionId)) return { enforce, expected: unmet }
    return { enforce, expected: { ...seen, createdAt: session.createdAt, emptiedAt: session.emptiedAt ?? null } }
  })
