/**
 * The open runs and their subscribers, in memory. One observer of the events feeds it, so it agrees with the published
 * events. Runs, RunDeadlines, TurnAcceptance, ChatCommands and the handlers use it.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type GatewayEvent, type Positioned, runOf, type RunText } from "../../domain/Event.ts"
import type { OpenRun } from "../../domain/Run.ts"
import { Events } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { TurnRow } from "../transcript/TurnStore.ts"
import { RunSubscription } from "./RunSubscription.ts"

export class OpenRuns extends Context.Service<
  OpenRuns,
  {
    readonly has: (runId: string) => boolean
    /** Returns the open runs of the session, or of all sessions, in the order of acceptance, each with its text so far. */
    readonly list: (sessionKey?: string) => ReadonlyArray<OpenRun>
    /** Returns the number of runs that have not started. */
    readonly waiting: () => number
    /** Returns when the run has ended, or at once if it is not open. */
    ended(runId: string): Effect.Effect<void>
    /**
     * Subscribes to all later events of a run until the scope closes. The run need not be accepted yet. The first item of
     * an open run is its partial output.
     */
    subscribe(runId: string): Effect.Effect<RunSubscription, never, Scope.Scope>
  }
>()("causeway/services/runs/OpenRuns") {
  static readonly layer: Layer.Layer<OpenRuns, never, Events | Sqlite | Transcript> = Layer.effect(
    OpenRuns,
    Effect.gen(function* () {
      const events = yield* Events
      const sqlite = yield* Sqlite
      const { turns } = yield* Transcript
      const table = new OpenRunTable(events.partialOutput)
      yield* sqlite.withLock(
        Effect.gen(function* () {
          for (const turn of turns.allOpen()) table.add(turn)
          yield* events.onEvent((event) => table.apply(event))
        }),
      )
      return OpenRuns.of({
        has: (runId) => table.has(runId),
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

type RunFields = Pick<TurnRow, "runId" | "sessionKey" | "agentId">

interface Entry extends RunFields {
  started: boolean
  readonly ended: Deferred.Deferred<void>
}

class OpenRunTable {
  readonly #open = new Map<string, Entry>()
  readonly #subscriptions = new Map<string, Set<RunSubscription>>()
  readonly #partialOutput: Events["Service"]["partialOutput"]
  #waiting = 0

  constructor(partialOutput: Events["Service"]["partialOutput"]) {
    this.#partialOutput = partialOutput
  }

  has(runId: string): boolean {
    return this.#open.has(runId)
  }

  list(sessionKey: string | undefined, head: number): ReadonlyArray<OpenRun> {
    return Array.from(this.#open.values())
      .filter((run) => sessionKey === undefined || run.sessionKey === sessionKey)
      .map(({ agentId, runId, sessionKey, started }) => ({
        runId,
        sessionKey,
        agentId,
        state: started ? "running" : "queued",
        text: this.#partialOutput(runId, head)?.text ?? "",
      }))
  }

  get waiting(): number {
    return this.#waiting
  }

  ended(runId: string): Effect.Effect<void> {
    const run = this.#open.get(runId)
    return run === undefined ? Effect.void : Deferred.await(run.ended)
  }

  add({ agentId, runId, sessionKey }: RunFields): void {
    const ended = Deferred.makeUnsafe<void>()
    this.#open.set(runId, { runId, sessionKey, agentId, started: false, ended })
    this.#waiting++
  }

  apply(item: Positioned): void {
    const runId = runOf(item.event)
    if (runId === undefined) return
    this.#update(runId, item.event)
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

  #update(runId: string, event: GatewayEvent): void {
    if (event._tag === "RunAccepted") return this.add(event)
    const run = this.#open.get(runId)
    if (run === undefined) return
    // An interrupted run starts again, so it may have left the waiting ones before.
    if ((event._tag === "RunStarted" || event._tag === "RunEnded") && !run.started) this.#waiting--
    if (event._tag === "RunStarted") run.started = true
    if (event._tag === "RunEnded") {
      this.#open.delete(runId)
      Deferred.doneUnsafe(run.ended, Effect.void)
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
