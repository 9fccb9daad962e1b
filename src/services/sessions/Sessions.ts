/**
 * Sessions: finding, changing and removing conversations. Lists are answered from an index in memory, transcripts
 * from the database; what happens inside a session is its actor's (SessionActor.ts).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { randomUUID } from "node:crypto"
import { type AgentNotFound, MAIN_AGENT, normalizeAgentId } from "../../domain/Agent.ts"
import type { Binding } from "../../domain/Binding.ts"
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
import { Bindings } from "../agents/Bindings.ts"
import { removeMessages } from "../transcript/TranscriptRemoval.ts"
import { type Change, Events } from "../events/Events.ts"
import { SessionIndex } from "./SessionIndex.ts"
import * as SessionLimit from "./SessionLimit.ts"
import { preview, type SessionSettings } from "../transcript/SessionStore.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"

/** After every message. */
const END = Number.MAX_SAFE_INTEGER

export type SessionChanges = Partial<SessionSettings>

/** How a client names a session: by key, by label, or by where a message comes from. */
export interface SessionAddress extends Routing.Route {
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
    ): Effect.Effect<Session, SessionExists | AgentNotFound | LimitReached | StorageUnavailable>
    patch(
      key: string,
      changes: SessionChanges,
      expected?: SessionExpectation,
    ): Effect.Effect<Session, SessionNotFound | SessionConflict | StorageUnavailable>
    /** Empties the transcript; answers how many messages went. What runs there has to be stopped: see `Runs.ending`. */
    reset(
      key: string,
      expected?: SessionExpectation,
    ): Effect.Effect<number, SessionNotFound | SessionConflict | StorageUnavailable>
    /** As `reset`, and the session is gone. */
    remove(
      key: string,
      expected?: SessionExpectation,
    ): Effect.Effect<number, SessionNotFound | SessionConflict | StorageUnavailable>
    /** Oldest first; `before` is exclusive. Fewer than `limit` where they are long: `nextBefore` goes on. */
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

/** How a session begins whose kind and name nobody has chosen. */
export const defaultSettings = (key: string, peerId: string | undefined): SessionSettings => ({
  kind: peerId === undefined ? "session" : "direct",
  displayName: preview(peerId ?? key),
  label: null,
  model: null,
})

const make = Effect.gen(function* () {
  const agents = yield* Agents
  const bindings = yield* Bindings
  const events = yield* Events
  const index = yield* SessionIndex
  const tooManySessions = yield* SessionLimit.make
  const sqlite = yield* Sqlite
  const transcript = yield* Transcript

  const find = (key: string) => index.get(key)

  const get = (key: string) =>
    Effect.suspend(() => {
      const session = find(key)
      return session === undefined ? Effect.fail(new SessionNotFound({ sessionKey: key })) : Effect.succeed(session)
    })

  const read = <A>(look: () => A): Effect.Effect<A> => sqlite.withLock(Effect.sync(look))

  /** The session, if it is there and as expected. For use inside a commit. */
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

  /** A change to a session that must be there, and as expected, when it is made. */
  const change = <A>(
    key: string,
    expected: SessionExpectation | undefined,
    work: (session: Session, at: number) => Change<A>,
  ) =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      const answer = yield* events.commit((): Change<Result.Result<A, SessionNotFound | SessionConflict>> => {
        const session = expect(key, expected)
        if (Result.isFailure(session)) return [Result.fail(session.failure), []]
        const [value, happened] = work(session.success, at)
        return [Result.succeed(value), happened]
      })
      return yield* Effect.fromResult(answer)
    })

  /** A change to a session that begins with removing what was said in it. Answers how many messages went. */
  const emptied = Effect.fnUntraced(function* (
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

  const resolveKey = Effect.fnUntraced(function* (sessionKey: string, address: SessionAddress) {
    const session = find(sessionKey)
    const named = address.agentId ?? session?.agentId ?? Routing.agentOfSessionKey(sessionKey)
    if (named !== undefined) {
      const agent = yield* agents.get(normalizeAgentId(named))
      return { sessionKey, agentId: agent.id, exists: session !== undefined, binding: null }
    }
    const { agentId, binding = null } = Routing.resolve(bindings.all(), address)
    const agent = yield* agents.get(agentId)
    return { sessionKey, agentId: agent.id, exists: false, binding }
  })

  const resolveLabel = Effect.fnUntraced(function* (label: string, address: SessionAddress) {
    let newest: Session | undefined
    for (const session of index.values()) {
      if (session.label !== label || (address.agentId !== undefined && session.agentId !== address.agentId)) continue
      if (newest === undefined || session.updatedAt > newest.updatedAt) newest = session
    }
    if (newest === undefined) return yield* new SessionNotFound({ sessionKey: label })
    return { sessionKey: newest.key, agentId: newest.agentId, exists: true, binding: null }
  })

  const resolveRoute = Effect.fnUntraced(function* (address: SessionAddress) {
    const { agentId, binding = null } =
      address.agentId === undefined
        ? Routing.resolve(bindings.all(), address)
        : { agentId: address.agentId, binding: null }
    const agent = yield* agents.get(agentId)
    const sessionKey = Routing.sessionKey(agent.id, agent.dmScope, address)
    return { sessionKey, agentId: agent.id, exists: find(sessionKey) !== undefined, binding }
  })

  const create = Effect.fn("Sessions.create")(function* (
    session: SessionChanges & { readonly key?: string; readonly agentId?: string },
  ) {
    const { agentId, key, ...settings } = session
    const named = agentId ?? (key === undefined ? undefined : Routing.agentOfSessionKey(key)) ?? MAIN_AGENT
    const agent = yield* agents.get(normalizeAgentId(named))
    const newKey = key ?? `agent:${agent.id}:${randomUUID()}`
    const createdAt = yield* Clock.currentTimeMillis
    const created = yield* events.commit((): Change<Session | LimitReached | undefined> => {
      if (transcript.sessions.get(newKey) !== undefined) return [undefined, []]
      const tooMany = tooManySessions(newKey)
      if (tooMany !== undefined) return [tooMany, []]
      return transcript.open({
        key: newKey,
        agentId: agent.id,
        channel: null,
        peerId: null,
        createdAt,
        ...defaultSettings(newKey, undefined),
        ...settings,
      })
    })
    if (created instanceof LimitReached) return yield* created
    return created ?? (yield* new SessionExists({ sessionKey: newKey }))
  })

  return Sessions.of({
    count: () => index.size,
    find,
    list: (query) => Effect.suspend(() => Effect.fromResult(index.page(query))),
    get,
    resolve: Effect.fn("Sessions.resolve")(function* (address: SessionAddress) {
      if (address.key !== undefined) return yield* resolveKey(address.key, address)
      if (address.label !== undefined) return yield* resolveLabel(address.label, address)
      return yield* resolveRoute(address)
    }),
    create,
    patch: Effect.fn("Sessions.patch")(
      (key: string, { displayName, kind, label, model }: SessionChanges, expected?: SessionExpectation) =>
        change(key, expected, (session, at) => {
          const settings: SessionSettings = {
            kind: kind ?? session.kind,
            displayName: displayName ?? session.displayName,
            label: label === undefined ? session.label : label,
            model: model === undefined ? session.model : model,
          }
          return transcript.set(key, settings, at)
        }),
    ),
    reset: Effect.fn("Sessions.reset")((key: string, expected?: SessionExpectation) =>
      emptied(key, expected, transcript.clear),
    ),
    remove: Effect.fn("Sessions.remove")((key: string, expected?: SessionExpectation) =>
      emptied(key, expected, transcript.remove),
    ),
    history: Effect.fn("Sessions.history")(function* (key: string, { before, limit }) {
      yield* get(key)
      const { messages, more } = yield* read(() => transcript.messages.page(key, before ?? END, limit))
      return { messages, nextBefore: more ? messages[0]!.id : null }
    }),
    // One after another: of many long ones, the event loop waits for one.
    preview: Effect.fn("Sessions.preview")((keys: ReadonlyArray<string>, limit: number) =>
      Effect.forEach(
        keys.filter((key) => find(key) !== undefined),
        (key) =>
          Effect.map(
            Effect.andThen(
              Effect.yieldNow,
              read(() => transcript.messages.beginnings(key, limit)),
            ),
            (messages) => ({ key, messages }),
          ),
      ),
    ),
  })
})
