/**
 * The open runs and their subscribers, in memory. One observer of the events feeds it, so it agrees with the published
 * events. Runs, RunDeadlines, TurnAcceptance, ChatCommands and the handlers use it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type KeptEvent, type Positioned, runOf, type RunText } from "../../domain/Event.ts"
import type { OpenRun, Run } from "../../domain/Run.ts"
import { Events } from "../events/Events.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { interruptions, type TurnRow } from "../storage/TurnRow.ts"
import { Tx, type Work } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { RunSubscription } from "./RunSubscription.ts"

/** One of the oldest open runs of a session, which runs now or is about to. */
export interface FirstRun {
  readonly runId: string
  readonly agentId: string
  /** The crashes of the process that have interrupted it. */
  readonly crashes: number
}

export class OpenRuns extends Context.Service<
  OpenRuns,
  {
    readonly has: (runId: string) => boolean
    /** Returns the oldest open run of the session. */
    readonly first: (sessionKey: string) => FirstRun | undefined
    /** Returns the run of the session that comes after the oldest one. */
    readonly second: (sessionKey: string) => FirstRun | undefined
    /** Returns whether a run of the session waits behind the oldest one. */
    readonly hasWaiting: (sessionKey: string) => boolean
    /** Forgets an open run that storage knows as ended, which happens only if another program has changed its row. */
    readonly drop: (runId: string) => void
    /** Returns the open runs of the session, or of all sessions, in the order of acceptance, each with its text so far. */
    readonly list: (sessionKey?: string) => ReadonlyArray<OpenRun>
    /** Returns the number of runs that have not started. */
    readonly waiting: () => number
    /**
     * Returns the run when it has ended, as its events describe it. Returns `undefined` at once if the run is not open, and
     * later if `drop` forgets it.
     */
    ended(runId: string): Effect.Effect<Run | undefined>
    /**
     * Subscribes to all later events of a run until the scope closes. The run need not be accepted yet. The first item of
     * an open run is its partial output.
     */
    subscribe(runId: string): Effect.Effect<RunSubscription, never, Scope.Scope>
  }
>()("causeway/services/runs/OpenRuns") {
  static readonly layer: Layer.Layer<OpenRuns, StorageUnavailable, Events> = Layer.effect(
    OpenRuns,
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(recover)
      const table = new OpenRunTable(events.partialOutput)
      for (const turn of yield* withoutInterrupted(events)) table.add({ ...turn, crashes: interruptions(turn) })
      yield* events.onEvent((event) => table.apply(event))
      return OpenRuns.of({
        has: (runId) => table.has(runId),
        first: (sessionKey) => table.first(sessionKey),
        second: (sessionKey) => table.second(sessionKey),
        hasWaiting: (sessionKey) => table.second(sessionKey) !== undefined,
        drop: (runId) => table.remove(runId),
        list: (sessionKey) => table.list(sessionKey, events.head().seq),
        waiting: () => table.waiting,
        ended: (runId) => table.ended(runId),
        subscribe: (runId) =>
          Effect.acquireRelease(
            Effect.sync(() => table.subscribe(runId, events.head().seq)),
            (subscription) => Effect.sync(() => table.unsubscribe(runId, subscription)),
          ),
      })
    }),
  )
}

/** Lets the runs that an earlier process left running wait again, so that their sessions do not say "running". */
const recover: Work<void> = Effect.gen(function* () {
  const { sessions, turns } = yield* Tx
  const changes: Array<KeptEvent> = []
  for (const key of yield* turns.recover) {
    const session = yield* sessions.get(key)
    if (session !== undefined) changes.push({ _tag: "SessionChanged", session })
  }
  return [undefined, changes]
})

/**
 * Returns the open turns. An earlier process may have ended between the acceptance of a message with the queue mode
 * `interrupt` and the abort of the turns before it, so this aborts them.
 */
const withoutInterrupted = Effect.fnUntraced(function* (events: Events["Service"]) {
  const read = events.read(Effect.flatMap(Tx, ({ turns }) => turns.open()))
  const turns = yield* read
  const interrupts = turns.filter(({ queue }) => queue === "interrupt")
  if (interrupts.length === 0) return turns
  const at = yield* Clock.currentTimeMillis
  // The newest one of a session aborts the others, too.
  for (const [key, before] of new Map(interrupts.map(({ runId, sessionKey }) => [sessionKey, runId]))) {
    yield* events.commit(
      Transcript.abort(key, { before }, () => undefined, at),
      { key },
    )
  }
  return yield* read
})

type RunEnded = Extract<KeptEvent, { readonly _tag: "RunEnded" }>

interface Accepted extends Pick<TurnRow, "runId" | "sessionKey" | "agentId" | "acceptedAt" | "attempt">, FirstRun {}

interface Entry extends Accepted {
  started: boolean
  attempt: number
  reply: string | undefined
  readonly ended: Deferred.Deferred<Run | undefined>
}

/** Returns the run at the time of its end. */
const endedRun = (
  { acceptedAt, attempt, reply: said }: Entry,
  { agentId, error, outcome, reply = said, runId, sessionKey, takenBy, usage }: RunEnded,
  endedAt: number,
): Run => ({
  runId,
  sessionKey,
  agentId,
  state: outcome,
  attempt,
  ...(error !== undefined && { error }),
  ...(reply !== undefined && outcome === "done" && { reply }),
  ...(usage !== undefined && { usage }),
  ...(takenBy !== undefined && { takenBy }),
  acceptedAt,
  endedAt,
})

class OpenRunTable {
  readonly #open = new Map<string, Entry>()
  /** The same runs by session, oldest first. */
  readonly #ofSession = new Map<string, Set<Entry>>()
  readonly #subscriptions = new Map<string, Set<RunSubscription>>()
  readonly #partialOutput: Events["Service"]["partialOutput"]
  #waiting = 0

  constructor(partialOutput: Events["Service"]["partialOutput"]) {
    this.#partialOutput = partialOutput
  }

  has(runId: string): boolean {
    return this.#open.has(runId)
  }

  first(sessionKey: string): FirstRun | undefined {
    return this.#ofSession.get(sessionKey)?.values().next().value
  }

  second(sessionKey: string): FirstRun | undefined {
    const [, second] = this.#ofSession.get(sessionKey) ?? []
    return second
  }

  list(sessionKey: string | undefined, head: number): ReadonlyArray<OpenRun> {
    return Array.from(sessionKey === undefined ? this.#open.values() : (this.#ofSession.get(sessionKey) ?? [])).map(
      ({ agentId, runId, sessionKey, started }) => ({
        runId,
        sessionKey,
        agentId,
        state: started ? "running" : "queued",
        text: this.#partialOutput(runId, head)?.text ?? "",
      }),
    )
  }

  get waiting(): number {
    return this.#waiting
  }

  ended(runId: string): Effect.Effect<Run | undefined> {
    const run = this.#open.get(runId)
    // The end wakes the fiber before the other events of its commit are published.
    return run === undefined ? Effect.undefined : Effect.tap(Deferred.await(run.ended), Effect.yieldNow)
  }

  add({ acceptedAt, agentId, attempt, crashes, runId, sessionKey }: Accepted): void {
    const known = { runId, sessionKey, agentId, acceptedAt, attempt, crashes }
    const run: Entry = { ...known, started: false, reply: undefined, ended: Deferred.makeUnsafe() }
    this.#open.set(runId, run)
    const ofSession = this.#ofSession.get(sessionKey)
    if (ofSession === undefined) this.#ofSession.set(sessionKey, new Set([run]))
    else ofSession.add(run)
    this.#waiting++
  }

  /** `ended`: the run for those that wait for its end. */
  remove(runId: string, ended?: Run): void {
    const run = this.#open.get(runId)
    if (run === undefined) return
    if (!run.started) this.#waiting--
    this.#open.delete(runId)
    const ofSession = this.#ofSession.get(run.sessionKey)
    ofSession?.delete(run)
    if (ofSession?.size === 0) this.#ofSession.delete(run.sessionKey)
    Deferred.doneUnsafe(run.ended, Effect.succeed(ended))
  }

  apply(item: Positioned): void {
    const runId = runOf(item.event)
    if (runId === undefined) return
    this.#update(runId, item)
    const subscriptions = this.#subscriptions.get(runId)
    if (subscriptions === undefined) return
    for (const subscription of subscriptions) subscription.push(item, () => this.#textOf(runId, item.seq))
  }

  subscribe(runId: string, head: number): RunSubscription {
    const subscription = new RunSubscription(this.#textOf(runId, head))
    const subscriptions = this.#subscriptions.get(runId)
    if (subscriptions === undefined) this.#subscriptions.set(runId, new Set([subscription]))
    else subscriptions.add(subscription)
    return subscription
  }

  unsubscribe(runId: string, subscription: RunSubscription): void {
    const subscriptions = this.#subscriptions.get(runId)
    subscriptions?.delete(subscription)
    if (subscriptions?.size === 0) this.#subscriptions.delete(runId)
  }

  #update(runId: string, { at, event }: Positioned): void {
    if (event._tag === "RunAccepted") return this.add({ ...event, acceptedAt: at, attempt: 0, crashes: 0 })
    const run = this.#open.get(runId)
    if (run === undefined) return
    switch (event._tag) {
      case "RunStarted":
        run.attempt = event.attempt
        // An interrupted run starts again, so it may have left the waiting ones before.
        if (!run.started) this.#waiting--
        run.started = true
        return
      case "MessageAdded":
        if (event.message.role === "assistant") run.reply = event.message.text
        return
      case "RunEnded":
        return this.remove(runId, endedRun(run, event, at))
    }
  }

  /** Returns the partial output of an open run, or `undefined` if the run is not open. */
  #textOf(runId: string, seq: number): RunText | undefined {
    const run = this.#open.get(runId)
    if (run === undefined) return undefined
    const { agentId, sessionKey } = run
    return (
      this.#partialOutput(runId, seq) ?? { _tag: "RunText", seq, sessionKey, runId, agentId, text: "", thinking: "" }
    )
  }
}
