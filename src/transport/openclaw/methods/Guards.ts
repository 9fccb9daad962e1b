/**
 * Guards: what a client expects of a session that it changes or sends to. The dialect knows a session by a UUID and a
 * message by its entry; the contract compares what these are made of in the commit that makes the change.
 */
import * as Effect from "effect/Effect"
import type { Session, SessionExpectation } from "../../../domain/Session.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { fail, type Query } from "../../dialect/Query.ts"
import { trimmed } from "../../dialect/Params.ts"
import { id, number } from "../wire/Params.ts"
import { sessionFor } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"

/** The conditions of `sessions.patch`. */
export const ofPatch = { expectedSessionId: id, expectedLifecycleRevision: id }

/** The conditions of `sessions.delete`. */
export const ofDelete = { ...ofPatch, expectedSessionUpdatedAt: number }

type Text = string | null | undefined

export interface Expected {
  readonly expectedSessionId?: Text
  /** No session has a revision here: one that comes is another gateway's. */
  readonly expectedLifecycleRevision?: Text
  readonly expectedSessionUpdatedAt?: number | null | undefined
  /** Null: the transcript is empty. */
  readonly expectedLeafEntryId?: Text
}

/** What no session is: a send that is repeated is known all the same. */
const never: SessionExpectation = { createdAt: -1 }

const missing = new Set(["SessionConflict", "SessionNotFound"])

export const isSession = (session: Session | undefined, sessionId: Text): boolean =>
  trimmed(sessionId) === undefined || (session !== undefined && sessionIdOf(session) === trimmed(sessionId))

/** Clients look at the reason: they read the session again, or show the message for review. */
export const changed = (
  key: string,
  reason: "session-changed" | "active-leaf-changed" = "session-changed",
): Query<never> =>
  fail({
    _tag: "Domain",
    error: { _tag: "SessionConflict", message: `Session ${key} has changed. Retry.`, reason },
  })

/** Returns the newest message as the contract has it; of another gateway's entry, one that no transcript has. */
const lastMessageId = (entry: string | null): number | null =>
  entry === null ? null : /^\d{1,15}$/.test(entry) ? Number(entry) : -1

/**
 * Makes a change, given what the client expects as the contract compares it, and how to word a conflict that the commit
 * finds. `undefined`: the client expects nothing.
 */
export const expecting = <A>(
  key: string,
  { expectedLeafEntryId, expectedLifecycleRevision, expectedSessionId, expectedSessionUpdatedAt }: Expected,
  make: (expected: SessionExpectation | undefined, orChanged: (fault: Fault) => Query<never>) => Query<A>,
): Query<A> => {
  const conflict = changed(key, expectedLeafEntryId === undefined ? "session-changed" : "active-leaf-changed")
  const orChanged = (fault: Fault) =>
    fault._tag === "Domain" && missing.has(fault.error._tag) ? conflict : fail(fault)
  if (trimmed(expectedLifecycleRevision) !== undefined) return changed(key)
  const seen = {
    ...(expectedSessionUpdatedAt != null && { updatedAt: expectedSessionUpdatedAt }),
    ...(expectedLeafEntryId !== undefined && { lastMessageId: lastMessageId(expectedLeafEntryId) }),
  }
  if (trimmed(expectedSessionId) === undefined) {
    return make(Object.keys(seen).length === 0 ? undefined : seen, orChanged)
  }
  return Effect.flatMap(sessionFor(key), (session) =>
    session === undefined || !isSession(session, expectedSessionId)
      ? make(never, orChanged)
      : make({ ...seen, createdAt: session.createdAt, emptiedAt: session.emptiedAt ?? null }, orChanged),
  )
}
