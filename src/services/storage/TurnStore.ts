/**
 * The steps that a work can take with turns. Tx has the store. Transcript and the services in runs use it;
 * storage/sqlite and storage/postgres implement it.
 */
import type { Attachment } from "../../domain/Attachment.ts"
import type { Message, ToolCall } from "../../domain/Message.ts"
import type { Session } from "../../domain/Session.ts"
import type { NewSession } from "./SessionStore.ts"
import type { Stored } from "./Stored.ts"
import type { AttemptOf, Ending, LastWords, NewTurn, TurnInput, TurnRow } from "./TurnRow.ts"

/** The rows after the write, so that nobody has to read them again. */
export interface TurnWritten {
  readonly turn: TurnRow
  /** Undefined if the session was removed. Then the transcript is unchanged. */
  readonly session: Session | undefined
  /** The message that this write added. */
  readonly message: Message | undefined
  /** The ids of the messages that this write removed. */
  readonly retracted: ReadonlyArray<number>
}

/** A turn with the digest of its message, which is null in rows of old versions. */
export type KnownTurn = TurnRow & { readonly digest: string | null }

export type Accept =
  | {
      readonly _tag: "Accepted"
      readonly session: Session
      readonly opened: boolean
      /** Undefined if the turn is queued. */
      readonly begun: BegunAtOnce | undefined
    }
  /** The key was sent before. */
  | { readonly _tag: "Known"; readonly turn: KnownTurn }
  | { readonly _tag: "TooManyWait"; readonly waiting: number }

/** The first attempt of a turn that begins with its acceptance. */
export interface BegunAtOnce {
  readonly input: TurnInput
  /** The user's message. Undefined if a forgotten run with the same key has written it. */
  readonly message: Message | undefined
  readonly messageId: number
}

export type Begin =
  | (TurnWritten & {
      readonly _tag: "Begun"
      readonly input: TurnInput
      /** The id of the user's message of this run. Undefined if the session was removed. */
      readonly messageId: number | undefined
    })
  /** The turn has ended or does not exist. */
  | { readonly _tag: "Over" }
  /** Crashes have interrupted the turn as often as the limit allows. Nothing was written. */
  | { readonly _tag: "TooManyCrashes"; readonly turn: TurnRow }

export interface TurnStore {
  get(runId: string): Stored<TurnRow | undefined>
  /** Returns the turn with its digest. */
  known(runId: string): Stored<KnownTurn | undefined>
  /** Returns the open turns of the session, or of all sessions, in the order of acceptance. */
  open(sessionKey?: string): Stored<ReadonlyArray<TurnRow>>
  /**
   * Adds a queued turn, and opens its session if necessary. Sets `updatedAt` of the session. Writes nothing if the turn is
   * known, or if `maxWaiting` turns of the session wait already. With `begin`, a turn that is the only open one of its
   * session also begins its first attempt, as `begin` does.
   */
  accept(session: NewSession, turn: NewTurn, maxWaiting?: number, begin?: boolean): Stored<Accept>
  /** Adds a turn that the gateway itself has answered: it is done at its first attempt. Its session need not exist. */
  answer(turn: NewTurn, reply: string): Stored<TurnRow>
  /**
   * Begins an attempt. Counts a crash if the row says `running` and `handOver` has not marked it. Removes the messages
   * of the tools of the attempt before. Adds the user's message (step 0), unless the run has written it. Counts both.
   */
  begin(runId: string, maxCrashes: number, at: number): Stored<Begin>
  /** Adds the message of a tool call, with its files. Returns `undefined` if the turn has ended or another attempt has begun. */
  tool(
    of: AttemptOf,
    step: number,
    tool: ToolCall,
    at: number,
    attachments?: ReadonlyArray<Attachment>,
  ): Stored<TurnWritten | undefined>
  /** Ends the turn, once. Counts its usage. Returns `undefined` if it has ended or another attempt has begun. */
  end(of: AttemptOf, ending: Ending, words: LastWords, at: number): Stored<TurnWritten | undefined>
  /** Returns the messages of other runs that this run has taken over, in their order. */
  taken(runId: string): Stored<ReadonlyArray<TurnInput>>
  /** Marks the running turns of this gateway before a planned stop, so that the next `begin` counts no crash for them. */
  readonly handOver: Stored<void>
  /** Removes at most `limit` turns that ended before `before` and returns their number. It frees their keys. */
  forget(before: number, limit: number): Stored<number>
  /**
   * Sets the turns that an earlier process left running to `queued` and counts a crash for each, unless `handOver` has
   * marked it. Returns their sessions.
   */
  readonly recover: Stored<ReadonlyArray<string>>
}
