/**
 * Finds, creates, changes and removes sessions. Lists come from an index in memory, transcripts from the database. The
 * session's actor changes a session's turns (see runs/SessionActor.ts). Runs, System and the handlers of `sessions.*` use
 * it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import { type AgentNotFound, MAIN_AGENT, normalizeAgentId } from "../../domain/Agent.ts"
import type { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { LimitReached } from "../../domain/LimitReached.ts"
import type { Message, MessageRole } from "../../domain/Message.ts"
import * as Routing from "../../domain/Routing.ts"
import {
  type CursorInvalid,
  isAsExpected,
  type Session,
  SessionConflict,
  SessionExists,
  type SessionExpectation,
  SessionNotFound,
  type SessionPage,
  type SessionQuery,
} from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Agents } from "../agents/Agents.ts"
import type { Bindings } from "../agents/Bindings.ts"
import { Events } from "../events/Events.ts"
import type { SessionSettings } from "../storage/SessionStore.ts"
import { Tx } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { newSession } from "./NewSession.ts"
import { SessionIndex } from "./SessionIndex.ts"
import * as SessionLimit from "./SessionLimit.ts"
import * as SessionResolver from "./SessionResolver.ts"

export type { ResolvedSession, SessionAddress } from "./SessionResolver.ts"

/** The position after every message. */
const END = Number.MAX_SAFE_INTEGER

/**
 * The characters of a page. Reading a page blocks the event loop, and a client receives it in one frame. A page holds at
 * least one message.
 */
const PAGE_CHARS = 1_048_576

/** The settings to change. Settings that you leave out stay as they are; null clears a setting. */
export type SessionChanges = Partial<SessionSettings>

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Returns the number of sessions. */
    readonly count: () => number
    /** Returns `undefined` if the session does not exist. */
    readonly find: (key: string) => Session | undefined
    /**
     * Returns one page of the sessions that match the query, `total` with the number of all matches, and `nextCursor` or
     * null. Fails with `CursorInvalid` if the cursor belongs to another order.
     */
    list(query: SessionQuery): Effect.Effect<SessionPage, CursorInvalid>
    get(key: string): Effect.Effect<Session, SessionNotFound>
    /**
     * Returns the session that an address means, and the agent that answers there. It creates nothing. Fails with
     * `SessionNotFound` if no session has the label, and with `AgentNotFound` if the agent does not exist.
     */
    resolve(
      address: SessionResolver.SessionAddress,
    ): Effect.Effect<SessionResolver.ResolvedSession, SessionNotFound | AgentNotFound>
    /**
     * Creates an empty session. Without a key it gets `agent:<agent id>:<UUID>`, and without an agent the agent in the key
     * or `main`. Fails with `SessionExists` if the key is in use, and with `LimitReached` above `limits.sessions`.
     * `parentKey`: the session whose agent spawns it.
     */
    create(
      session: SessionChanges & { readonly key?: string; readonly agentId?: string; readonly parentKey?: string },
    ): Effect.Effect<Session, SessionExists | AgentNotFound | LimitReached | StorageUnavailable>
    /** Changes the settings. Fails with `SessionConflict` if the session is not as `expected`. */
    patch(
      key: string,
      changes: SessionChanges,
      expected?: SessionExpectation,
    ): Effect.Effect<Session, SessionNotFound | SessionConflict | StorageUnavailable>
    /**
     * Removes all messages of the session and returns their number. It ends the open turns, but not their runtimes: use
     * `Runs.stopAfter`. Fails with `SessionConflict` if the session is not as `expected`.
     */
    reset(
      key: string,
      expected?: SessionExpectation,
    ): Effect.Effect<number, SessionNotFound | SessionConflict | StorageUnavailable>
    /** Removes the session with its messages and returns their number. The rest is as for `reset`. */
    remove(
      key: string,
      expected?: SessionExpectation,
    ): Effect.Effect<number, SessionNotFound | SessionConflict | StorageUnavailable>
    /**
     * Returns the newest messages whose id is below `before`, oldest first: at most `limit`, or fewer if they are long (a
     * page ends after 1,048,576 characters). `nextBefore` is the `before` of the next older page, or null at the beginning.
     */
    history(
      key: string,
      options: { readonly limit: number; readonly before?: number | undefined },
    ): Effect.Effect<
      { readonly messages: ReadonlyArray<Message>; readonly nextBefore: number | null },
      SessionNotFound | StorageUnavailable
    >
    /**
     * Returns the first 200 characters of each of the newest `limit` messages, oldest first, for each existing session
     * among `keys`.
     */
    preview(
      keys: ReadonlyArray<string>,
      limit: number,
    ): Effect.Effect<
      ReadonlyArray<{
        readonly key: string
        readonly messages: ReadonlyArray<{ readonly role: MessageRole; readonly text: string }>
      }>,
      StorageUnavailable
    >
  }
>()("causeway/services/sessions/Sessions") {
  static readonly layer: Layer.Layer<Sessions, never, Agents | Bindings | Events | GatewayConfig | SessionIndex> =
    Layer.effect(
      Sessions,
      Effect.suspend(() => make),
    )
}

const make = Effect.gen(function* () {
  const index = yield* SessionIndex
  const events = yield* Events
  const resolve = yield* SessionResolver.make
  const create = yield* makeCreate
  const changes = yield* makeChanges

  const find = (key: string) => index.get(key)

  const get = (key: string) =>
    Effect.suspend(() => {
      const session = find(key)
      return session === undefined ? Effect.fail(new SessionNotFound({ sessionKey: key })) : Effect.succeed(session)
    })

  return Sessions.of({
    count: () => index.size,
    find,
    list: (query) => index.page(query),
    get,
    resolve,
    create,
    ...changes,
    history: Effect.fn("Sessions.history")(function* (key: string, { before, limit }) {
      yield* get(key)
      const page = Effect.flatMap(Tx, ({ messages }) => messages.page(key, before ?? END, limit, PAGE_CHARS))
      const { messages, more } = yield* events.read(page)
      return { messages, nextBefore: more ? messages[0]!.id : null }
    }),
    preview: Effect.fn("Sessions.preview")(function* (keys: ReadonlyArray<string>, limit: number) {
      const existing = keys.filter((key) => find(key) !== undefined)
      const previews = yield* events.read(Effect.flatMap(Tx, ({ messages }) => messages.previews(existing, limit)))
      return existing.map((key) => ({ key, messages: previews.get(key) ?? [] }))
    }),
  })
})

const makeCreate = Effect.gen(function* () {
  const agents = yield* Agents
  const events = yield* Events
  const limitFor = yield* SessionLimit.make

  return Effect.fn("Sessions.create")(function* (
    session: SessionChanges & { readonly key?: string; readonly agentId?: string; readonly parentKey?: string },
  ) {
    const { agentId, key, parentKey, ...settings } = session
    const named = agentId ?? (key === undefined ? undefined : Routing.agentOfSessionKey(key)) ?? MAIN_AGENT
    const agent = yield* agents.get(normalizeAgentId(named))
    const newKey = key ?? `agent:${agent.id}:${randomUUID()}`
    const createdAt = yield* Clock.currentTimeMillis
    const empty = newSession({ key: newKey, agentId: agent.id, createdAt, parentKey }, settings)
    const limit = Effect.suspend(() => limitFor(newKey) ?? Effect.void)
    const work = Effect.andThen(limit, Transcript.open(empty))
    return (yield* events.commit(work)) ?? (yield* new SessionExists({ sessionKey: newKey }))
  })
})

/** Returns the session if it exists and is as expected. Part of a work. */
const expect = Effect.fnUntraced(function* (
  key: string,
  expected: SessionExpectation = {},
): Effect.fn.Return<Session, SessionNotFound | SessionConflict | StorageUnavailable, Tx> {
  const { newestMessageId, session } = yield* (yield* Tx).sessions.look(key)
  if (session === undefined) return yield* new SessionNotFound({ sessionKey: key })
  if (isAsExpected(expected, session, () => newestMessageId)) return session
  return yield* new SessionConflict({ sessionKey: key })
})

/** Makes the functions that change a session that exists. */
const makeChanges = Effect.gen(function* () {
  const events = yield* Events

  const patch = Effect.fn("Sessions.patch")(function* (
    key: string,
    { displayName, kind, label, model, queue, thinking }: SessionChanges,
    expected?: SessionExpectation,
  ) {
    const at = yield* Clock.currentTimeMillis
    const work = Effect.flatMap(expect(key, expected), (before) =>
      Transcript.update(
        key,
        {
          kind: kind ?? before.kind,
          displayName: displayName ?? before.displayName,
          label: label === undefined ? before.label : label,
          model: model === undefined ? before.model : model,
          thinking: thinking === undefined ? (before.thinking ?? null) : thinking,
          queue: queue === undefined ? (before.queue ?? null) : queue,
        },
        at,
      ),
    )
    return (yield* events.commit(work)) ?? (yield* new SessionNotFound({ sessionKey: key }))
  })

  const reset = Effect.fn("Sessions.reset")(function* (key: string, expected?: SessionExpectation) {
    const at = yield* Clock.currentTimeMillis
    return (yield* events.commit(Effect.andThen(expect(key, expected), Transcript.reset(key, at)))) ?? 0
  })

  const remove = Effect.fn("Sessions.remove")(function* (key: string, expected?: SessionExpectation) {
    const at = yield* Clock.currentTimeMillis
    return (yield* events.commit(Effect.andThen(expect(key, expected), Transcript.remove(key, at)))) ?? 0
  })

  return { patch, reset, remove }
})
