/**
 * OpenRuns: the runs that have been accepted and have not ended, and who follows them. Fed by one observer of the
 * events, so that what it says is exactly what subscribers have been told. It starts and ends none, and what they say
 * is kept by the log.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type GatewayEvent, type Positioned, runOf, type RunText } from "../../domain/Event.ts"
import type { OpenRun } from "../../domain/Run.ts"
import { Events } from "../events/Events.ts"
import { RunSubscription } from "./RunSubscription.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"
import type { TurnRow } from "../transcript/TurnStore.ts"

export class OpenRuns extends Context.Service<
  OpenRuns,
  {
    readonly has: (runId: string) => boolean
    /** In the order in which they were accepted. */
    readonly list: (sessionKey?: string) => ReadonlyArray<OpenRun>
    /** How many of them have not begun. */
    readonly waiting: () => number
    /** Returns when the run has ended; at once if it is not open. */
    ended(runId: string): Effect.Effect<void>
    /** All events of a run from now on, also of one that will be accepted later; first what an open run has said. */
    follow(runId: string): Effect.Effect<RunSubscription, never, Scope.Scope>
  }
>()("causeway/services/runs/OpenRuns") {
  static readonly layer: Layer.Layer<OpenRuns, never, Events | Sqlite | Transcript> = Layer.effect(
    OpenRuns,
    Effect.gen(function* () {
      const events = yield* Events
      const sqlite = yield* Sqlite
      const { turns } = yield* Transcript
      const runs = new Runs(events.partialOutput)
      yield* sqlite.withLock(
        Effect.gen(function* () {
          for (const turn of turns.everyOpen()) runs.accepted(turn)
          yield* events.onEvent((event) => runs.apply(event))
        }),
      )
      return OpenRuns.of({
        has: (runId) => runs.has(runId),
        list: (sessionKey) => runs.list(sessionKey, events.head().seq),
        waiting: () => runs.waiting,
        ended: (runId) => runs.ended(runId),
        follow: (runId) =>
          Effect.acquireRelease(
            Effect.sync(() => runs.follow(runId, events.head().seq)),
            (follower) => Effect.sync(() => runs.unfollow(runId, follower)),
          ),
      })
    }),
  )
}

type OfRun = Pick<TurnRow, "runId" | "sessionKey" | "agentId">

interface Entry extends OfRun {
  begun: boolean
  readonly ended: Deferred.Deferred<void>
}

class Runs {
  readonly #open = new Map<string, Entry>()
  readonly #followers = new Map<string, Set<RunSubscription>>()
  readonly #said: Events["Service"]["partialOutput"]
  #waiting = 0

  constructor(said: Events["Service"]["partialOutput"]) {
    this.#said = said
  }

  has(runId: string): boolean {
    return this.#open.has(runId)
  }

  list(sessionKey: string | undefined, head: number): ReadonlyArray<OpenRun> {
    return Array.from(this.#open.values())
      .filter((run) => sessionKey === undefined || run.sessionKey === sessionKey)
      .map(({ agentId, begun, runId, sessionKey }) => ({
        runId,
        sessionKey,
        agentId,
        state: begun ? "running" : "queued",
        text: this.#said(runId, head)?.text ?? "",
      }))
  }

  get waiting(): number {
    return this.#waiting
  }

  ended(runId: string): Effect.Effect<void> {
    const run = this.#open.get(runId)
    return run === undefined ? Effect.void : Deferred.await(run.ended)
  }

  accepted({ agentId, runId, sessionKey }: OfRun): void {
    const ended = Deferred.makeUnsafe<void>()
    this.#open.set(runId, { runId, sessionKey, agentId, begun: false, ended })
    this.#waiting++
  }

  apply(item: Positioned): void {
    const runId = runOf(item.event)
    if (runId === undefined) return
    this.#update(runId, item.event)
    const followers = this.#followers.get(runId)
    if (followers === undefined) return
    for (const follower of followers) follower.tell(item, () => this.#soFar(runId, item.seq))
  }

  follow(runId: string, head: number): RunSubscription {
    const follower = new RunSubscription(this.#soFar(runId, head))
    const followers = this.#followers.get(runId)
    if (followers === undefined) this.#followers.set(runId, new Set([follower]))
    else followers.add(follower)
    return follower
  }

  unfollow(runId: string, follower: RunSubscription): void {
    const followers = this.#followers.get(runId)
    followers?.delete(follower)
    if (followers?.size === 0) this.#followers.delete(runId)
  }

  #update(runId: string, event: GatewayEvent): void {
    if (event._tag === "RunAccepted") return this.accepted(event)
    const run = this.#open.get(runId)
    if (run === undefined) return
    // A run that was cut off is begun again.
    if ((event._tag === "RunStarted" || event._tag === "RunEnded") && !run.begun) this.#waiting--
    if (event._tag === "RunStarted") run.begun = true
    if (event._tag === "RunEnded") {
      this.#open.delete(runId)
      Deferred.doneUnsafe(run.ended, Effect.void)
    }
  }

  #soFar(runId: string, seq: number): RunText | undefined {
    const run = this.#open.get(runId)
    if (run === undefined) return undefined
    const { agentId, sessionKey } = run
    return this.#said(runId, seq) ?? { _tag: "RunText", seq, sessionKey, runId, agentId, text: "", thinking: "" }
  }
}
