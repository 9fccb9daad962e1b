/**
 * Sessions: finding, changing and removing conversations. Lists are answered from an index in memory, transcripts
 * from the database; what happens inside a session is its actor's (SessionActor.ts).
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AgentNotFound } from "../domain/Agent.ts"
import type { Binding } from "../domain/Binding.ts"
import type { Message, MessageRole } from "../domain/Message.ts"
import type { Route } from "../domain/Routing.ts"
import type {
  CursorInvalid,
  Session,
  SessionExists,
  SessionNotFound,
  SessionPage,
  SessionQuery,
} from "../domain/Session.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

export type SessionChanges = Partial<Pick<Session, "kind" | "displayName" | "label" | "model">>

/** How a client names a session: by key, by label, or by where a message comes from. */
export interface SessionAddress extends Route {
  readonly key?: string | undefined
  readonly label?: string | undefined
  readonly agentId?: string | undefined
}

export class Sessions extends Context.Service<
  Sessions,
  {
    readonly count: () => number
    readonly find: (key: string) => Session | undefined
    list(query: SessionQuery): Effect.Effect<SessionPage, CursorInvalid>
    get(key: string): Effect.Effect<Session, SessionNotFound>
    /** Which session an address means and which agent answers there. Creates nothing. */
    resolve(address: SessionAddress): Effect.Effect<
      {
        readonly sessionKey: string
        readonly agentId: string
        readonly exists: boolean
        readonly binding: Binding | null
      },
      SessionNotFound | AgentNotFound
    >
    create(
      session: SessionChanges & { readonly key?: string; readonly agentId?: string },
    ): Effect.Effect<Session, SessionExists | AgentNotFound | StorageUnavailable>
    patch(key: string, changes: SessionChanges): Effect.Effect<Session, SessionNotFound | StorageUnavailable>
    /** Empties the transcript; answers how many messages went. Abort the session's runs first (Runs.abort). */
    reset(key: string): Effect.Effect<number, SessionNotFound | StorageUnavailable>
    remove(key: string): Effect.Effect<number, SessionNotFound | StorageUnavailable>
    /** Oldest first; `before` is exclusive. */
    history(
      key: string,
      options: { readonly limit: number; readonly before?: number | undefined },
    ): Effect.Effect<{ readonly messages: ReadonlyArray<Message>; readonly nextBefore: number | null }, SessionNotFound>
    preview(
      keys: ReadonlyArray<string>,
      limit: number,
    ): Effect.Effect<
      ReadonlyArray<{
        readonly key: string
        readonly messages: ReadonlyArray<{ readonly role: MessageRole; readonly text: string }>
      }>
    >
  }
>()("causeway/services/Sessions") {}
