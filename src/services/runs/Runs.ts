/**
 * Runs: accepting what is sent to agents, following it, waiting for it, ending it. The turns themselves are run by
 * the session's actor (SessionActor.ts).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Sharding from "effect/cluster/Sharding"
import { randomUUID } from "node:crypto"
import type { AgentNotFound } from "../../domain/Agent.ts"
import {
  type Acceptance,
  IdempotencyConflict,
  RunNotFound,
  type SendError,
  type SendPayload,
  type StreamItem,
} from "../../domain/Chat.ts"
import * as ChatCommand from "../../domain/ChatCommand.ts"
import type { Positioned } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import type { Message } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import { ShuttingDown } from "../../domain/Refusal.ts"
import type { Run } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"
import type { Agents } from "../agents/Agents.ts"
import * as ChatCommands from "./ChatCommands.ts"
import { type Change, Events } from "../events/Events.ts"
import { OpenRuns } from "./OpenRuns.ts"
import * as RunDeadlines from "./RunDeadlines.ts"
import { RunAdmission } from "./RunAdmission.ts"
import { SessionEntity } from "./SessionEntity.ts"
import type { SessionIndex } from "../sessions/SessionIndex.ts"
import * as SessionLimit from "../sessions/SessionLimit.ts"
import type { NewSession } from "../transcript/SessionStore.ts"
import { defaultSettings, type SessionAddress, Sessions } from "../sessions/Sessions.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { TurnRow } from "../transcript/TurnStore.ts"

export class Runs extends Context.Service<
  Runs,
  {
    /** When this returns, the send is on disk and will be run: see `Acceptance`. */
    accept(send: SendPayload, principal: Principal): Effect.Effect<Acceptance, SendError>
    /** `accept`, then the run's events to its end. */
    stream(send: SendPayload, principal: Principal): Stream.Stream<StreamItem, SendError>
    /** Ends one run, or all that run and wait in the session; answers which were ended. */
    abort(sessionKey: string, runId?: string): Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
    /** Makes a change that ends the turns of the session, and then stops the one that runs. */
    ending<A, E>(sessionKey: string, change: Effect.Effect<A, E>): Effect.Effect<A, E | StorageUnavailable>
    get(runId: string): Effect.Effect<Run, RunNotFound>
    /** The run as it stands at its end, or when the time is up. */
    wait(runId: string, timeoutMs: number): Effect.Effect<Run, RunNotFound>
    inject(message: {
      readonly sessionKey: string
      readonly text: string
      readonly role: "assistant" | "system" | "user"
      readonly idempotencyKey?: string | undefined
    }): Effect.Effect<Message, AgentNotFound | IdempotencyConflict | LimitReached | StorageUnavailable>
    readonly counts: () => { readonly running: number; readonly waiting: number; readonly limit: number }
    /**
     * Takes no new sends from now on (they fail with ShuttingDown) and waits until nothing runs. Runs that the stop cuts
     * off were not cut off by a crash, from the beginning of the drain on.
     */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/runs/Runs") {
  /** Needs the actors to be there already (SessionActor.layer): what is accepted is handed to them at once. */
  static readonly layer: Layer.Layer<
    Runs,
    never,
    | Agents
    | Events
    | GatewayConfig
    | OpenRuns
    | RunAdmission
    | SessionIndex
    | Sessions
    | Sharding.Sharding
    | Sqlite
    | Transcript
  > = Layer.effect(
    Runs,
    Effect.suspend(() => make),
  )
}

const newSession = (key: string, agentId: string, send: SendPayload, createdAt: number): NewSession => ({
  key,
  agentId,
  // Empty means left out.
  channel: send.channel || null,
  peerId: send.peerId || null,
  createdAt,
  ...defaultSettings(key, send.peerId),
})

const make = Effect.gen(function* () {
  const { runs: limit } = yield* GatewayConfig
  const acceptances = yield* TurnAcceptance.make
  const tooManySessions = yield* SessionLimit.make
  const events = yield* Events
  const limits = yield* RunAdmission
  const open = yield* OpenRuns
  const sessions = yield* Sessions
  const sqlite = yield* Sqlite
  const transcript = yield* Transcript
  const actorOf = yield* SessionEntity.client
  let draining = false

  /** A disk that does not answer must not hold up a stop. Without the mark, the stop counts as a crash. */
  const handOver = Effect.ignore(
    Effect.timeout(Effect.interruptible(events.commit(() => [transcript.turns.handOver(), []])), "1 second"),
  )
  yield* Effect.addFinalizer(() => handOver)

  const read = <A>(look: () => A): Effect.Effect<A> => sqlite.withLock(Effect.sync(look))

  /** Only a label can be that of no session. */
  const agentFor = (address: Omit<SessionAddress, "label">) =>
    Effect.catchTag(sessions.resolve(address), "SessionNotFound", Effect.die)

  const accept = Effect.fn("Runs.accept")(function* (send: SendPayload, principal: Principal) {
    if (draining) return yield* new ShuttingDown()
    const { agentId, sessionKey } = yield* agentFor({ ...send, key: send.sessionKey })
    const runId = send.idempotencyKey ?? randomUUID()
    const session = newSession(sessionKey, agentId, send, yield* Clock.currentTimeMillis)
    const { expected, text, timeoutMs } = send
    const deadlineAt = timeoutMs === undefined ? undefined : session.createdAt + timeoutMs
    const sent = { runId, session, principal, text, deadlineAt, expected }
    const command = send.commands === false ? undefined : ChatCommand.parse(send.text)
    const taken =
      command === undefined
        ? Effect.flatMap(
            events.commit(() => acceptances.take(sent)),
            Effect.fromResult,
          )
        : runCommand(command, sent)
    if (deadlineAt === undefined) return yield* taken
    const watched = Effect.tap(taken, ({ duplicate }) =>
      duplicate ? Effect.void : watch({ runId, sessionKey, deadlineAt }),
    )
    return yield* Effect.uninterruptible(watched)
  })

  const toRun = (turn: TurnRow): Run => {
    const { acceptedAt, agentId, attempt, endedAt, error, runId, sessionKey, state, usage } = turn
    const said = () => transcript.messages.ofRun(sessionKey, runId).findLast(({ role }) => role === "assistant")?.text
    const reply = turn.reply ?? (state === "done" ? said() : undefined)
    return {
      runId,
      sessionKey,
      agentId,
      state,
      attempt,
      acceptedAt,
      ...(error !== undefined && { error }),
      ...(reply !== undefined && { reply }),
      ...(usage !== undefined && { usage }),
      ...(endedAt !== undefined && { endedAt }),
    }
  }

  const get = Effect.fn("Runs.get")(function* (runId: string) {
    const run = yield* read(() => {
      const turn = transcript.turns.get(runId)
      return turn === undefined ? undefined : toRun(turn)
    })
    return run ?? (yield* new RunNotFound({ runId }))
  })

  /** How a run went that was over before anybody followed it. Its position is now: there is nothing more to come. */
  const retold = (runId: string): Effect.Effect<ReadonlyArray<Positioned>> =>
    read(() => {
      const { seq } = events.head()
      const turn = transcript.turns.get(runId)
      if (turn === undefined || turn.state === "queued" || turn.state === "running") return []
      const { agentId, endedAt = turn.acceptedAt, error, reply, sessionKey, state: outcome, usage } = turn
      const messages = transcript.messages.ofRun(sessionKey, runId).map((message): Positioned => ({
        _tag: "Event",
        seq,
        at: message.at,
        event: { _tag: "MessageAdded", sessionKey, message },
      }))
      const facts = {
        ...(error !== undefined && { error }),
        ...(usage !== undefined && { usage }),
        ...(reply !== undefined && { reply }),
      }
      const event = { _tag: "RunEnded" as const, sessionKey, runId, agentId, outcome, ...facts }
      return [...messages, { _tag: "Event", seq, at: endedAt, event }]
    })

  const stream = (send: SendPayload, principal: Principal): Stream.Stream<StreamItem, SendError> =>
    Stream.unwrap(
      Effect.gen(function* (): Effect.fn.Return<Stream.Stream<StreamItem>, SendError, Scope.Scope> {
        const runId = send.idempotencyKey ?? randomUUID()
        // Before the acceptance, so that nothing of the run is missed.
        const follower = yield* open.follow(runId)
        const accepted = yield* accept({ ...send, idempotencyKey: runId }, principal)
        const first = Stream.succeed<StreamItem>({ _tag: "Accepted", ...accepted })
        const over = accepted.duplicate && follower.isEmpty && !open.has(runId)
        return Stream.concat(first, over ? Stream.fromIterable(yield* retold(runId)) : follower.items)
      }),
    )

  /** An actor of this process can be reached, and takes any number of calls. */
  const end = (sessionKey: string, which: { readonly runId?: string; readonly error?: RunError }) =>
    actorOf(sessionKey)
      .abort(which)
      .pipe(Effect.catchIf((error) => error._tag !== "StorageUnavailable", Effect.die))

  const hasOpen = (sessionKey: string) => read(() => transcript.turns.open(sessionKey).length > 0)

  const abort = Effect.fn("Runs.abort")(function* (sessionKey: string, runId?: string) {
    if (!(yield* hasOpen(sessionKey))) return []
    return yield* end(sessionKey, runId === undefined ? {} : { runId })
  })

  const ending = Effect.fn("Runs.ending")(<A, E>(sessionKey: string, change: Effect.Effect<A, E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const some = yield* hasOpen(sessionKey)
        const answer = yield* restore(change)
        if (some) yield* end(sessionKey, {})
        return answer
      }),
    ),
  )

  const watch = yield* RunDeadlines.make(({ runId, sessionKey }, error) => end(sessionKey, { runId, error }))

  const runCommand = yield* ChatCommands.make(abort)

  const inject: Runs["Service"]["inject"] = Effect.fn("Runs.inject")(function* (message) {
    const { idempotencyKey, role, sessionKey, text } = message
    const agentId = sessions.find(sessionKey)?.agentId ?? (yield* agentFor({ key: sessionKey })).agentId
    const at = yield* Clock.currentTimeMillis
    const added = yield* events.commit((): Change<Message | LimitReached> => {
      const known = idempotencyKey === undefined ? undefined : transcript.messages.injected(idempotencyKey)
      if (known !== undefined) return [known, []]
      const tooMany = tooManySessions(sessionKey)
      if (tooMany !== undefined) return [tooMany, []]
      const session = newSession(sessionKey, agentId, { text }, at)
      return transcript.inject(session, { sessionKey, runId: null, injectionKey: idempotencyKey, role, text, at })
    })
    if (added instanceof LimitReached) return yield* added
    if (added.sessionKey === sessionKey && added.text.toWellFormed() === text.toWellFormed() && added.role === role)
      return added
    if (idempotencyKey === undefined) return added
    return yield* new IdempotencyConflict({ idempotencyKey, sessionKey: added.sessionKey })
  })

  return Runs.of({
    accept,
    stream,
    abort,
    ending,
    get,
    wait: Effect.fn("Runs.wait")(function* (runId: string, timeoutMs: number) {
      yield* get(runId)
      yield* Effect.timeoutOption(open.ended(runId), timeoutMs)
      return yield* get(runId)
    }),
    inject,
    counts: () => ({ running: limits.running(), waiting: open.waiting(), limit: limit.concurrent }),
    drain: Effect.suspend(() => {
      draining = true
      return Effect.andThen(handOver, limits.drain)
    }),
  })
})
