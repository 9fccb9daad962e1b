/**
 * UpstreamActions: the actions on the sessions of an upstream gateway. FleetControl.ts uses it, and has the same actions for
 * this gateway.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { MESSAGE_CHARS } from "../../domain/Bounds.ts"
import type { SendError } from "../../domain/Chat.ts"
import { FleetCommandFailed } from "../../domain/Fleet.ts"
import type { SessionNotFound } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { cut } from "../../domain/Text.ts"
import type { UpstreamClient } from "../upstreams/Upstreams.ts"

export interface TranscriptEntry {
  readonly at: number | null
  readonly role: string
  readonly text: string
}

export type ReadError = FleetCommandFailed | SessionNotFound | StorageUnavailable

/** Actions on the sessions of one agent. */
export interface SessionActions {
  /** Returns whether there was a run to abort. */
  readonly abort: (sessionKey: string) => Effect.Effect<boolean, FleetCommandFailed | SendError>
  readonly send: (
    sessionKey: string,
    text: string,
  ) => Effect.Effect<{ readonly runId: string }, FleetCommandFailed | SendError>
  /** Returns the newest messages, oldest first. */
  readonly read: (sessionKey: string, limit: number) => Effect.Effect<ReadonlyArray<TranscriptEntry>, ReadError>
}

const blockText = (block: unknown): string =>
  typeof block === "object" && block !== null && "text" in block && typeof block.text === "string" ? block.text : ""

const contentText = (content: unknown): string => {
  const text = Array.isArray(content) ? content.map(blockText).join("") : typeof content === "string" ? content : ""
  return cut(text, MESSAGE_CHARS).toWellFormed()
}

/** `id`: the card, for messages. */
export const upstreamActions = (id: string, client: UpstreamClient): SessionActions => {
  const failed = ({ message }: { readonly message: string }) =>
    new FleetCommandFailed({ id, message: `${id}: ${message}` })
  return {
    abort: (sessionKey) =>
      client.call("chat.abort", { sessionKey }).pipe(
        Effect.map(({ aborted, runIds }) => aborted === true || (runIds ?? []).length > 0),
        Effect.mapError(failed),
      ),
    send: (sessionKey, message) =>
      Effect.mapError(client.call("chat.send", { sessionKey, message, idempotencyKey: randomUUID() }), failed),
    read: (sessionKey, limit) =>
      client.call("chat.history", { sessionKey, limit }).pipe(
        Effect.map(({ messages }) =>
          messages.map(({ content, role, timestamp }) => ({ at: timestamp ?? null, role, text: contentText(content) })),
        ),
        Effect.mapError(failed),
      ),
  }
}
