/**
 * Accepts messages to agents, follows their runs, waits for them and aborts them. The session's actor runs the turns (see
 * SessionActor.ts). The handlers of `chat.*` and `runs.*` use it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Sharding from "effect/cluster/Sharding"
import { randomUUID } from "node:crypto"
import type { AgentNotFound } from "../../domain/Agent.ts"
import type {
  Acceptance,
  IdempotencyConflict,
  RunNotFound,
  SendError,
  SendPayload,
  StreamItem,
} from "../../domain/Chat.ts"
import * as ChatCommand from "../../domain/ChatCommand.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { LimitReached } from "../../domain/LimitReached.ts"
import type { Message } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import { ShuttingDown } from "../../domain/Refusal.ts"
import type { QueueMode, Run } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Attachments } from "../attachments/Attachments.ts"
import type { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Agents } from "../agents/Agents.ts"
import type { Approvals } from "../approvals/Approvals.ts"
import type { Questions } from "../questions/Questions.ts"
import { Events } from "../events/Events.ts"
import { newSession } from "../sessions/NewSession.ts"
import type { SessionIndex } from "../sessions/SessionIndex.ts"
import { type SessionAddress, Sessions } from "../sessions/Sessions.ts"
import { Tx } from "../storage/Tx.ts"
import { RunTraces } from "../traces/RunTraces.ts"
import { type BeginOfTurn, BegunTurns } from "./BegunTurns.ts"
import * as ChatCommands from "./ChatCommands.ts"
import * as MessageInjection from "./MessageInjection.ts"
import { OpenRuns } from "./OpenRuns.ts"
import { RunAdmission } from "../admission/RunAdmission.ts"
import * as RunDeadlines from "./RunDeadlines.ts"
import type { SessionCompaction } from "./SessionCompaction.ts"
import { SessionEntity } from "./SessionEntity.ts"
import * as StoredRuns from "./StoredRuns.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"

export class Runs extends Context.Service<
  Runs,
  {
    /**
     * Accepts a message. When it returns, the message is on disk and its run will start (see `Acceptance`).
     *
     * - A repeated `idempotencyKey` returns the first acceptance with `duplicate: true`. It fails with
     *   `IdempotencyConflict` if the session or the text differs.
     * - Fails with `AttachmentRefused` if a file breaks a limit.
     * - Fails with `AgentNotFound` if no agent has the given id, and with `Forbidden` if a command needs another scope.
     * - Fails with `SessionConflict` if the session is not as `expected`.
     * - Fails with `SessionBusy` above `runs.waitingPerSession` waiting turns, and with `LimitReached` above the limits of
     *   sessions and waiting runs.
     * - Fails with `ShuttingDown` during a drain, and with `StorageUnavailable` if the disk refuses the write.
     */
    accept(send: SendPayload, principal: Principal): Effect.Effect<Acceptance, SendError>
    /**
     * Accepts a message and returns the acceptance, then the events of its run until `RunEnded`. A failed run ends with an
     * event, not with a failure of the stream. After a repeated send of an open run, a `RunText` with the text so far comes
     * first. A slow reader gets a `RunText` instead of many deltas. Leaving the stream does not stop the run.
     */
    stream(send: SendPayload, principal: Principal): Stream.Stream<StreamItem, SendError>
    /**
     * Aborts the open run with the id, or all open runs of the session. Returns the ids of the aborted runs. Output that
     * a run has produced stays in the transcript, marked as aborted.
     */
    abort(sessionKey: string, runId?: string): Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
    /** Makes a change that ends the turns of the session (reset, remove), then stops the runtime of the running turn. */
    stopAfter<A, E>(sessionKey: string, change: Effect.Effect<A, E>): Effect.Effect<A, E | StorageUnavailable>
    /** Fails with `RunNotFound` if the run never existed, or ended more than `events.retainDays` days ago. */
    get(runId: string): Effect.Effect<Run, RunNotFound | StorageUnavailable>
    /** Returns the sender of the message with which the run began. Fails as `get` does. */
    sender(runId: string): Effect.Effect<Principal, RunNotFound | StorageUnavailable>
    /**
     * Waits until the run ends, for at most `timeoutMs` milliseconds, and returns its state at that time. If another run
     * takes over its message, it waits for that one and returns it. Fails as `get` does.
     */
    wait(runId: string, timeoutMs: number): Effect.Effect<Run, RunNotFound | StorageUnavailable>
    /**
     * Adds a message to a transcript without a run, and creates the session if necessary. A repeated `idempotencyKey`
     * returns the first message, or fails with `IdempotencyConflict` if the message differs.
     */
    inject(
      message: MessageInjection.Injection,
    ): Effect.Effect<Message, AgentNotFound | IdempotencyConflict | LimitReached | StorageUnavailable>
    /** The running and the waiting runs, and the option `runs.concurrent`. */
    readonly counts: () => { readonly running: number; readonly waiting: number; readonly limit: number }
    /**
     * Refuses new messages with `ShuttingDown`, and returns when no run is in progress. From its beginning on, a stop of
     * the process does not count as a crash for the runs that it interrupts.
     */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/runs/Runs") {
  /** Build `SessionActor.layer` first: the actors receive accepted turns at once. */
  static readonly layer: Layer.Layer<
    Runs,
    StorageUnavailable,
    | AgentRuntimes
    | Agents
    | Approvals
    | Attachments
    | BegunTurns
    | Questions
    | Events
    | GatewayConfig
    | OpenRuns
    | RunAdmission
    | RunTraces
    | SessionCompaction
    | SessionIndex
    | Sessions
    | Sharding.Sharding
  > = Layer.effect(
    Runs,
    Effect.suspend(() => make),
  )
}

const make = Effect.gen(function* () {
  const { runs: limit } = yield* GatewayConfig
  const handOver = yield* makeHandOver
  const acceptance = yield* TurnAcceptance.make
  const admission = yield* RunAdmission
  const begunTurns = yield* BegunTurns
  const agents = yield* Agents
  const files = yield* Attachments
  const events = yield* Events
  const open = yield* OpenRuns
  const sessions = yield* Sessions
  const traces = yield* RunTraces
  const stored = yield* StoredRuns.make
  const { abort, endTurns, stopAfter } = yield* makeStops
  const watchDeadline = yield* RunDeadlines.make(({ runId, sessionKey }, error) =>
    endTurns(sessionKey, { runId, error }),
  )
  const runCommand = yield* ChatCommands.make(abort)
  let draining = false

  /** An address without a label never fails with SessionNotFound. */
  const resolve = (address: Omit<SessionAddress, "label">) =>
    Effect.catchTag(sessions.resolve(address), "SessionNotFound", Effect.die)

  const inject = yield* MessageInjection.make((key) => Effect.map(resolve({ key }), ({ agentId }) => agentId))

  const queueModeOf = (sessionKey: string, agentId: string): Effect.Effect<QueueMode> => {
    const mode = sessions.find(sessionKey)?.queue
    if (mode !== undefined) return Effect.succeed(mode)
    return Effect.match(agents.get(agentId), {
      onFailure: () => "followup" as const,
      onSuccess: (agent) => agent.queue ?? "followup",
    })
  }

  /** The acceptance counts even if storage refuses the abort: then the message waits for its turn. */
  const acceptTurn = (sent: TurnAcceptance.Sent) => {
    const { agentId, key } = sent.session
    const commit = (begin?: BeginOfTurn) => events.commit(acceptance.accept(sent, { begin }), { key })
    const accepted = open.first(key) === undefined ? begunTurns.beginning(sent.runId, agentId, commit) : commit()
    if (sent.queue !== "interrupt") return accepted
    const interrupt = Effect.suspend(() =>
      open.has(sent.runId) && open.hasWaiting(key) ? endTurns(key, { before: sent.runId }) : Effect.void,
    )
    return Effect.uninterruptible(Effect.tap(accepted, Effect.ignore(interrupt)))
  }

  const accept = Effect.fn("Runs.accept")(function* (send: SendPayload, principal: Principal) {
    if (draining) return yield* new ShuttingDown()
    const { agentId, sessionKey } = yield* resolve({ ...send, key: send.sessionKey })
    const { channel, expected, idempotencyKey: runId = randomUUID(), peerId, text, timeoutMs } = send
    const createdAt = yield* Clock.currentTimeMillis
    const session = newSession({ key: sessionKey, agentId, channel, peerId, createdAt })
    const deadlineAt = timeoutMs === undefined ? undefined : createdAt + timeoutMs
    const queue = send.queue ?? (yield* queueModeOf(sessionKey, agentId))
    const uploads = send.attachments ?? []
    const parsed = send.commands === false ? undefined : ChatCommand.parse(text)
    // Only an agent can take files, so a message with files is a command only if it goes on to the agent.
    const command = uploads.length === 0 || parsed?.name === "new" || parsed?.name === "reset" ? parsed : undefined
    const accepted = traces.accepting(
      runId,
      files.keep(uploads, (attachments) => {
        const sent = { runId, session, principal, text, attachments, queue, deadlineAt, expected }
        return command === undefined ? acceptTurn(sent) : runCommand(command, sent)
      }),
    )
    if (deadlineAt === undefined) return yield* accepted
    const watched = Effect.tap(accepted, ({ duplicate }) =>
      duplicate ? Effect.void : watchDeadline({ runId, sessionKey, deadlineAt }),
    )
    return yield* Effect.uninterruptible(watched)
  })

  const stream = (send: SendPayload, principal: Principal): Stream.Stream<StreamItem, SendError> =>
    Stream.unwrap(
      Effect.gen(function* (): Effect.fn.Return<Stream.Stream<StreamItem>, SendError, Scope.Scope> {
        const runId = send.idempotencyKey ?? randomUUID()
        // Subscribing before the acceptance misses no event of the run.
        const subscription = yield* open.subscribe(runId)
        const accepted = yield* accept({ ...send, idempotencyKey: runId }, principal)
        const first = Stream.succeed<StreamItem>({ _tag: "Accepted", ...accepted })
        const hasEnded = accepted.duplicate && subscription.isEmpty && !open.has(runId)
        return Stream.concat(first, hasEnded ? Stream.fromIterable(yield* stored.eventsOf(runId)) : subscription.items)
      }),
    )

  /** Returns the run at its end, or as it is if it is not open or if the time is up. */
  const endOf = Effect.fnUntraced(function* (runId: string, timeoutMs: number) {
    const ended = timeoutMs > 0 ? yield* Effect.timeoutOption(open.ended(runId), timeoutMs) : Option.none()
    return Option.getOrUndefined(ended) ?? (yield* stored.get(runId))
  })

  return Runs.of({
    accept,
    stream,
    abort,
    stopAfter,
    get: stored.get,
    sender: stored.sender,
    wait: Effect.fn("Runs.wait")(function* (runId: string, timeoutMs: number) {
      const deadline = (yield* Clock.currentTimeMillis) + timeoutMs
      let run = yield* endOf(runId, timeoutMs)
      while (run.takenBy !== undefined) {
        run = yield* endOf(run.takenBy, deadline - (yield* Clock.currentTimeMillis))
      }
      return run
    }),
    inject,
    counts: () => ({ running: admission.running(), waiting: open.waiting(), limit: limit.concurrent }),
    drain: Effect.suspend(() => {
      draining = true
      return Effect.andThen(handOver, admission.drain)
    }),
  })
})

/** Makes the functions that end turns through the session's actor. */
const makeStops = Effect.gen(function* () {
  const actorOf = yield* SessionEntity.client
  const open = yield* OpenRuns

  /** The actor is in this process and has no mailbox limit, so other errors of the cluster are defects. */
  const endTurns = (
    sessionKey: string,
    which: { readonly runId?: string; readonly before?: string; readonly error?: RunError },
  ) =>
    actorOf(sessionKey)
      .abort(which)
      .pipe(Effect.catchIf((error) => error._tag !== "StorageUnavailable", Effect.die))

  const abort = Effect.fn("Runs.abort")(function* (sessionKey: string, runId?: string) {
    if (open.first(sessionKey) === undefined) return []
    return yield* endTurns(sessionKey, runId === undefined ? {} : { runId })
  })

  const stopAfter = Effect.fn("Runs.stopAfter")(<A, E>(sessionKey: string, change: Effect.Effect<A, E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const hadOpen = open.first(sessionKey) !== undefined
        const result = yield* restore(change)
        if (hadOpen) yield* endTurns(sessionKey, {})
        return result
      }),
    ),
  )

  return { abort, endTurns, stopAfter }
})

/**
 * Makes the Effect that marks the running turns, so that a planned stop does not count as a crash. It also runs when the
 * scope closes. It gives up after a second, because a disk that does not answer must not block the stop.
 */
const makeHandOver = Effect.gen(function* () {
  const events = yield* Events
  const work = Effect.flatMap(Tx, ({ turns }) => Effect.as(turns.handOver, [undefined, []] as const))
  const mark = Effect.interruptible(events.commit(work))
  const handOver = Effect.ignore(Effect.timeout(mark, "1 second"))
  yield* Effect.addFinalizer(() => handOver)
  return handOver
})
