/**
 * The rows of messages, and the steps that a work can take with them. Tx has the store. Transcript, Sessions and the
 * services in runs use it; storage/sqlite and storage/postgres implement it. A message belongs to a transcript of a
 * session, and (transcript, run, step) is unique, so a run that restarts writes each message once.
 */
import type { Message, Usage } from "../../domain/Message.ts"
import type { Session } from "../../domain/Session.ts"
import type { NewSession } from "./SessionStore.ts"
import type { Stored } from "./Stored.ts"

/** A message without a run. */
export interface InjectedMessage extends Omit<Message, "id" | "runId" | "attachments"> {
  /** The idempotency key. */
  readonly injectionKey?: string | undefined
}

/** A summary that a runtime has made of the older messages of a session. */
export interface Summary {
  readonly text: string
  /** The id of the newest message that it replaces in the history. */
  readonly upTo: number
  /** The tokens that it cost, unless they count to a run. */
  readonly usage?: Usage | undefined
}

/** One page of a transcript, oldest message first. */
export interface MessagePage {
  readonly messages: ReadonlyArray<Message>
  /** Whether older messages are left. */
  readonly more: boolean
}

export interface MessageStore {
  /**
   * Returns the newest messages whose id is below `before`: at most `limit`, and at least one. A page ends with the
   * message that reaches `maxChars` characters of text, thinking and tool calls.
   */
  page(sessionKey: string, before: number, limit: number, maxChars: number): Stored<MessagePage>
  /**
   * Does the same for the messages that agents see (`isInHistory`). It begins with the newest summary of messages below
   * `before`, if there is one, and leaves out the messages that the summary replaces. The summary is not counted.
   */
  history(sessionKey: string, before: number, limit: number, maxChars: number): Stored<ReadonlyArray<Message>>
  /** Returns previews of the newest messages of each session, oldest first. Call it in `read`: it may suspend. */
  previews(
    sessionKeys: ReadonlyArray<string>,
    limit: number,
  ): Stored<ReadonlyMap<string, ReadonlyArray<Pick<Message, "role" | "text">>>>
  /** Returns the messages that the run has written, in their order. */
  ofRun(sessionKey: string, runId: string): Stored<ReadonlyArray<Message>>
  /** Returns the injected message with this idempotency key. */
  injected(key: string): Stored<Message | undefined>
  /** Adds and counts a message without a run. Opens the session if necessary. */
  inject(
    session: NewSession,
    message: InjectedMessage,
  ): Stored<{ readonly message: Message; readonly session: Session; readonly opened: boolean }>
  /**
   * Adds and counts a summary as a system message. Returns `undefined` if the session no longer has the message `upTo`, or
   * if another summary replaces it already.
   */
  summarize(
    sessionKey: string,
    summary: Summary,
    at: number,
  ): Stored<{ readonly message: Message; readonly session: Session } | undefined>
  /** Removes at most `limit` messages of transcripts that no session has any more. Returns their number. */
  removeSome(limit: number): Stored<number>
}
