/**
 * Finds, creates, changes and removes sessions. Lists come from an index in memory, transcripts from the database. The
 * session's actor changes a session's turns (see runs/SessionActor.ts). Runs, System and the handlers of `sessions.*` use
 * it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { randomUUID } from "node:crypto"
import { type AgentNotFound, MAIN_AGENT, normalizeAgentId } from "../../domain/Agent.ts"
import type { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import type { Message, MessageRole } from "../../domain/Message.ts"
import * as Routing from "../../domain/Routing.ts"
import {
  type CursorInvalid,
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
import { type Change, Events } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import type { SessionSettings } from "../transcript/SessionStore.ts"
import { Transcript } from "../transcript/Transcript.ts"
import { removeMessages } from "../transcript/TranscriptRemoval.ts"
import { newSession } from "./NewSession.ts"
import { SessionIndex } from "./SessionIndex.ts"
import * as SessionLimit from "./SessionLimit.ts"
import * as SessionResolver from "./SessionResolver.ts"

export type { ResolvedSession, SessionAddress } from "./SessionResolver.ts"

/** The position after every message. */
const END = Number.MAX_SAFE_INTEGER

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
     */
    create(
      session: SessionChanges & { readonly key?: string; readonly agentId?: string },
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
    ): Effect.Effect<{ readonly messages: ReadonlyArray<Message>; readonly nextBefore: number | null }, SessionNotFound>
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
      }>
    >
  }
>()("causeway/services/sessions/Sessions") {
  static readonly layer: Layer.Layer<
    Sessions,
    never,
    Agents | Bindings | Events | GatewayConfig | SessionIndex | Sqlite | Transcript
  > = Layer.effect(
    Sessions,
    Effect.suspend(() => make),
  )
}

const make = Effect.gen(function* () {
  const index = yield* SessionIndex
  const sqlite = yield* Sqlite
  const transcript = yield* Transcript
  const resolve = yield* SessionResolver.make
  const create = yield* makeCreate
  const changes = yield* makeChanges

  const find = (key: string) => index.get(key)

  const get = (key: string) =>
    Effect.suspend(() => {
      const session = find(key)
      return session === undefined ? Effect.fail(new SessionNotFound({ sessionKey: key })) : Effect.succeed(session)
    })

  const read = <A>(query: () => A): Effect.Effect<A> => sqlite.withLock(Effect.sync(query))

  const previewOne = (key: string, limit: number) =>
    Effect.map(
      Effect.andThen(
        Effect.yieldNow,
        read(() => transcript.messages.previews(key, limit)),
      ),
      (messages) => ({ key, messages }),
    )

  return Sessions.of({
    count: () => index.size,
    find,
    list: (query) => Effect.suspend(() => Effect.fromResult(index.page(query))),
    get,
    resolve,
    create,
    ...changes,
    history: Effect.fn("Sessions.history")(function* (key: string, { before, limit }) {
      yield* get(key)
      const { messages, more } = yield* read(() => transcript.messages.page(key, before ?? END, limit))
      return { messages, nextBefore: more ? messages[0]!.id : null }
    }),
    // Reading one session at a time keeps the event loop free between long transcripts.
    preview: Effect.fn("Sessions.preview")((keys: ReadonlyArray<string>, limit: number) =>
      Effect.forEach(
        keys.filter((key) => find(key) !== undefined),
        (key) => previewOne(key, limit),
      ),
    ),
  })
})

const makeCreate = Effect.gen(function* () {
  const agents = yield* Agents
  const events = yield* Events
  const limitFor = yield* SessionLimit.make
  const transcript = yield* Transcript

  return Effect.fn("Sessions.create")(function* (
    session: SessionChanges & { readonly key?: string; readonly agentId?: string },
  ) {
    const { agentId, key, ...settings } = session
    const named = agentId ?? (key === undefined ? undefined : Routing.agentOfSessionKey(key)) ?? MAIN_AGENT
    const agent = yield* agents.get(normalizeAgentId(named))
    const newKey = key ?? `agent:${agent.id}:${randomUUID()}`
    const createdAt = yield* Clock.currentTimeMillis
    const created = yield* events.commit((): Change<Session | LimitReached | undefined> => {
      if (transcript.sessions.get(newKey) !== undefined) return [undefined, []]
      const limit = limitFor(newKey)
      if (limit !== undefined) return [limit, []]
      return transcript.open(newSession({ key: newKey, agentId: agent.id, createdAt }, settings))
    })
    if (created instanceof LimitReached) return yield* created
    return created ?? (yield* new SessionExists({ sessionKey: newKey }))
  })
})

/** Makes the functions that change a session that exists. */
const makeChanges = Effect.gen(function* () {
  const events = yield* Events
  const transcript = yield* Transcript

  /** Returns the session if it exists and is as expected. Call it inside a commit. */
  const expect = (
    key: string,
    expected: SessionExpectation | undefined,
  ): Result.Result<Session, SessionNotFound | SessionConflict> => {
    const session = transcript.sessions.get(key)
    if (session === undefined) return Result.fail(new SessionNotFound({ sessionKey: key }))
    return transcript.isExpected(key, expected)
      ? Result.succeed(session)
      : Result.fail(new SessionConflict({ sessionKey: key }))
  }

  const patch = Effect.fn("Sessions.patch")(function* (
    key: string,
    { displayName, kind, label, model, queue, thinking }: SessionChanges,
    expected?: SessionExpectation,
  ) {
    const at = yield* Clock.currentTimeMillis
    const result = yield* events.commit((): Change<Result.Result<Session, SessionNotFound | SessionConflict>> => {
      const session = expect(key, expected)
      if (Result.isFailure(session)) return [session, []]
      const before = session.success
      const settings: SessionSettings = {
        kind: kind ?? before.kind,
        displayName: displayName ?? before.displayName,
        label: label === undefined ? before.label : label,
        model: model === undefined ? before.model : model,
        thinking: thinking === undefined ? (before.thinking ?? null) : thinking,
        queue: queue === undefined ? (before.queue ?? null) : queue,
      }
      const [after, changed] = transcript.update(key, settings, at)
      return [Result.succeed(after), changed]
    })
    return yield* Effect.fromResult(result)
  })

  /** Removes the messages, then clears or removes the session, in one transaction. Returns the number of messages. */
  const removeMessagesAnd = Effect.fnUntraced(function* (
    key: string,
    expected: SessionExpectation | undefined,
    change: Transcript["Service"]["clear" | "remove"],
  ) {
    const at = yield* Clock.currentTimeMillis
    const work = Effect.suspend(() => Effect.fromResult(expect(key, expected))).pipe(
      Effect.andThen(removeMessages(transcript, key)),
      Effect.map((removed): Change<number> => [removed, change(key, at)]),
    )
    return yield* events.transact(work)
  })

  return {
    patch,
    reset: Effect.fn("Sessions.reset")((key: string, expected?: SessionExpectation) =>
      removeMessagesAnd(key, expected, transcript.clear),
    ),
    remove: Effect.fn("Sessions.remove")((key: string, expected?: SessionExpectation) =>
      removeMessagesAnd(key, expected, transcript.remove),
    ),
  }
})
