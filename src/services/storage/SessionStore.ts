/**
 * The rows of sessions, and the steps that a work can take with them. Tx has the store. Transcript, Sessions and the
 * services beside them use it; storage/sqlite and storage/postgres implement it. A session's activity is not a column:
 * the stores derive it from the open turns.
 */
import type { Session } from "../../domain/Session.ts"
import type { QueueMode, ThinkingLevel } from "../../domain/Run.ts"
import { cut } from "../../domain/Text.ts"
import type { Stored } from "./Stored.ts"
import type { TurnRow } from "./TurnRow.ts"

/** The fields that clients can change. Null: the agent's setting. */
export interface SessionSettings extends Pick<Session, "kind" | "displayName" | "label" | "model"> {
  readonly thinking: ThinkingLevel | null
  readonly queue: QueueMode | null
}

/** The fields of a new session. */
export interface NewSession
  extends SessionSettings, Pick<Session, "key" | "agentId" | "channel" | "peerId" | "createdAt"> {
  readonly parentKey: string | null
}

/** The characters of a preview. */
export const PREVIEW_CHARS = 200

/** Returns the beginning of a text for lists, never cut inside a character. */
export const preview = (text: string): string => cut(text, PREVIEW_CHARS)

/** The end of a transcript. */
export interface Emptied {
  /** The number of messages that the session had. */
  readonly messages: number
  /** The turns that were open. They are now aborted. */
  readonly ended: ReadonlyArray<TurnRow>
}

/** Where a page of all sessions ends. Each database has its own form. */
export type SessionCursor = string | number

export interface SessionStore {
  /** Returns a page of all sessions, in any order. `next`: the cursor of the next page, or `undefined` at the end. */
  page(
    after: SessionCursor | undefined,
    limit: number,
  ): Stored<{ readonly sessions: ReadonlyArray<Session>; readonly next: SessionCursor | undefined }>
  get(key: string): Stored<Session | undefined>
  /** Returns the session, and the id of its newest message or null. */
  look(key: string): Stored<{ readonly session: Session | undefined; readonly newestMessageId: number | null }>
  /** Adds the session unless it exists. Returns the row, and whether this call added it. */
  open(session: NewSession): Stored<{ readonly session: Session; readonly opened: boolean }>
  /** Changes the settings and `updatedAt`. */
  update(key: string, settings: SessionSettings, at: number): Stored<Session | undefined>
  /**
   * Gives the session a new, empty transcript, resets its counters, sets `emptiedAt` and aborts its open turns. The cost
   * does not grow with the old transcript: `messages.removeSome` deletes its rows later. `emptiedAt` grows with each
   * reset, even if the clock stands still.
   */
  reset(key: string, at: number): Stored<(Emptied & { readonly session: Session }) | undefined>
  /** Removes the session and aborts its open turns. `messages.removeSome` deletes its messages later. */
  remove(key: string, at: number): Stored<Emptied | undefined>
}
