/**
 * The rows of files that belong to messages, and the steps that a work can take with them. Tx has the store. Transcript and
 * Attachments use it; storage/sqlite and storage/postgres implement it. The bytes are files, see Attachments.
 *
 * A transcript uses a file from the first message with it on. `messages.removeSome` ends the use together with the last
 * message of the transcript. A file without a use may be removed.
 */
import type { AttachedFile, Attachment } from "../../domain/Attachment.ts"
import type { Stored } from "./Stored.ts"

export interface AttachmentStore {
  /** Adds the files, and their use by the transcript of the session, which exists. */
  keep(sessionKey: string, attachments: ReadonlyArray<Attachment>, at: number): Stored<void>
  /** Returns those of the ids that have a row. */
  known(ids: ReadonlyArray<string>): Stored<ReadonlyArray<string>>
  /** Returns the newest files of the session's messages before the message `before`, newest message first. */
  ofSession(
    sessionKey: string,
    options: { readonly runId?: string | undefined; readonly before: number; readonly limit: number },
  ): Stored<ReadonlyArray<AttachedFile>>
  /** Returns ids of files that no transcript uses. */
  unused(limit: number): Stored<ReadonlyArray<string>>
  /** Removes the rows of those files that no transcript uses. */
  forget(ids: ReadonlyArray<string>): Stored<void>
}
