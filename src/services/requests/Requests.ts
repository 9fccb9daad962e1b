/**
 * Requests to operators: the life of a stored request between its start and its end, the same for approvals and for
 * questions. A request expires in time, ends with its run, survives a restart, and the run that waits for it has no
 * permit. Approvals and Questions make one for their kind.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { GatewayEvent, KeptEvent } from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { RunAdmission } from "../admission/RunAdmission.ts"
import { Events } from "../events/Events.ts"
import { removeInSteps, removeRegularly, retainedSince } from "../events/Retention.ts"
import type { RequestColumns, RequestStore } from "../storage/RequestStore.ts"
import { type Change, type Stores, Tx } from "../storage/Tx.ts"
import { WaitingRequests } from "./WaitingRequests.ts"

export interface OperatorRequest extends RequestColumns {
  readonly expiresAt: number
  /** The client that asks. Left out or null: the run asks, and the request ends with it. */
  readonly askedBy?: string | null
}

/** Why a request ends without an operator. */
export type EndStatus = "expired" | "cancelled"

export interface RequestKind<A extends OperatorRequest> {
  /** The plural for the log. */
  readonly name: string
  readonly store: (stores: Stores) => RequestStore<A>
  /** Returns the request that begins to wait with the event, or `undefined`. */
  readonly opened: (event: GatewayEvent) => A | undefined
  /** Returns the request that ends with the event, or `undefined`. */
  readonly closed: (event: GatewayEvent) => A | undefined
  /** Returns the request as it is after an end without an operator, and the event. */
  readonly end: (request: A, status: EndStatus, at: number) => readonly [A, KeptEvent]
}

/** A full disk may get room again. */
const untilStorageIsBack = Schedule.spaced("5 seconds")

/** Starts the requests of a kind: loads those that wait, and ends them in time until the scope closes. */
export const make = Effect.fnUntraced(function* <A extends OperatorRequest>(kind: RequestKind<A>) {
  const admission = yield* RunAdmission
  const events = yield* Events
  const waiting = new WaitingRequests<A>()

  const store = Effect.map(Tx, kind.store)

  const get = (id: string) => events.read(Effect.flatMap(store, (requests) => requests.get(id)))

  /** Ends a request without an operator. Does nothing if it no longer waits. */
  const endWork = Effect.fnUntraced(function* (
    id: string,
    status: EndStatus,
    at: number,
  ): Effect.fn.Return<Change<void>, StorageUnavailable, Tx> {
    const requests = yield* store
    const found = yield* requests.get(id)
    if (found === undefined || found.status !== "pending") return [undefined, []]
    const [ended, event] = kind.end(found, status, at)
    yield* requests.resolve(ended)
    return [undefined, [event]]
  })

  const end = Effect.fnUntraced(function* (id: string, status: EndStatus) {
    yield* events.commit(endWork(id, status, yield* Clock.currentTimeMillis))
  }, Effect.retry(untilStorageIsBack))

  const expireInTime = Effect.fnUntraced(
    function* ({ expiresAt, id }: A) {
      const resolved = waiting.resolved(id)
      if (resolved === undefined) return
      const leftMs = Math.max(0, expiresAt - (yield* Clock.currentTimeMillis))
      if (Option.isNone(yield* Effect.timeoutOption(resolved, leftMs))) yield* end(id, "expired")
    },
    (effect) => Effect.ignore(effect),
  )

  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context())
  const background = (effect: Effect.Effect<unknown>) => runFork(Effect.forkIn(effect, scope))
  const cancel = (ids: ReadonlyArray<string>) =>
    Effect.ignore(Effect.forEach(ids, (id) => end(id, "cancelled"), { discard: true }))

  const isOfRun = ({ askedBy }: A) => askedBy == null

  yield* events.onEvent(({ event }) => {
    const opened = kind.opened(event)
    if (opened !== undefined) {
      waiting.add(opened)
      background(expireInTime(opened))
    }
    const closed = kind.closed(event)
    if (closed !== undefined) waiting.resolve(closed)
    if (event._tag !== "RunEnded" || waiting.size === 0) return
    const ids = waiting.list(event.runId).filter(isOfRun)
    if (ids.length > 0) background(cancel(ids.map(({ id }) => id)))
  })

  // A run may have ended just before the gateway did.
  const [pending, open] = yield* events.read(
    Effect.flatMap(Tx, (stores) => Effect.all([kind.store(stores).pending, stores.turns.open()])),
  )
  const openRuns = new Set(open.map(({ runId }) => runId))
  for (const request of pending) {
    waiting.add(request)
    const isOpen = !isOfRun(request) || openRuns.has(request.runId)
    background(isOpen ? expireInTime(request) : cancel([request.id]))
  }

  const removeOld = Effect.flatMap(retainedSince, (before) =>
    removeInSteps((stores, limit) => kind.store(stores).forget(before, limit)),
  )
  yield* removeRegularly(kind.name, removeOld, "10 minutes")

  /** Waits for the end of a request. */
  const ended = (request: A): Effect.Effect<A, StorageUnavailable> =>
    Effect.suspend(() => {
      if (request.status !== "pending") return Effect.succeed(request)
      return waiting.resolved(request.id) ?? Effect.map(get(request.id), (known) => known ?? request)
    })

  return {
    waiting,
    /** Returns a stored request. */
    get,
    /** Returns the id that the text is or begins, the text itself if no request waits under it, or `undefined` for several. */
    idOf: (text: string): string | undefined => {
      const [id = text, ...others] = waiting.matching(text)
      return others.length === 0 ? id : undefined
    },
    ended,
    /** Waits for the end of a request of a run, which has no permit meanwhile. */
    endedOutside: (request: A) =>
      Effect.suspend(() =>
        request.status === "pending" && waiting.resolved(request.id) !== undefined
          ? admission.outside(request.runId)(ended(request))
          : ended(request),
      ),
    /** Waits for the end of a request at most so long, and returns the request as it is then. */
    endedWithin: (request: A, timeoutMs: number) =>
      Effect.map(
        Effect.timeoutOption(ended(request), timeoutMs),
        Option.getOrElse(() => request),
      ),
    /** Returns requests that no longer wait, newest first, and the place to continue from or null. */
    history: Effect.fnUntraced(function* (before: number, limit: number) {
      const rows = yield* events.read(Effect.flatMap(store, (requests) => requests.ended(before, limit)))
      const next = rows.length < limit ? null : (rows.at(-1)?.place ?? null)
      return { requests: rows.map(({ request }) => request), next }
    }),
  }
})
