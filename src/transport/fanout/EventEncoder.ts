/**
 * EventEncoder: encodes events through a dialect for the fan-out. If encoding an event fails, the encoder logs it and
 * sends nothing; the next event is not affected.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { EventItem } from "../../domain/Event.ts"
import type { EventEncoding, EventFrame, Frame, ThrottledText } from "../dialect/Dialect.ts"
import { Contract, outcomeOf, type Query } from "../dialect/Query.ts"
import type { SnapshotRefresh } from "./SnapshotRefresh.ts"
import type { Group } from "./SubscriberGroups.ts"

/** Events wait this long for a query. A query that takes longer counts as failed. */
const QUERY_TIMEOUT = "2 seconds"

export interface EventEncoder<V> {
  /** Encodes an item for a group. Returns an Effect only if the dialect's query has to call the contract. */
  event(
    group: Group<V>,
    item: EventItem,
    json: () => string,
  ): ReadonlyArray<Frame> | Effect.Effect<ReadonlyArray<Frame>>
  throttledText(group: Group<V>, text: ThrottledText): ReadonlyArray<Frame>
  keepAlive(group: Group<V>, now: number): ReadonlyArray<Frame>
  /** Logs the failure and returns no frames. */
  logFailure(problem: unknown): ReadonlyArray<never>
}

/** `contract` answers the dialect's queries. `epoch` is the epoch of the events' positions. */
export const make = Effect.fnUntraced(function* <V>(
  encoding: EventEncoding<V>,
  contract: Contract["Service"],
  snapshots: SnapshotRefresh<Group<V>>,
  epoch: string,
): Effect.fn.Return<EventEncoder<V>> {
  const runFork = Effect.runForkWith(yield* Effect.context())

  const logFailure = (problem: unknown): ReadonlyArray<never> => {
    runFork(Effect.annotateLogs(Effect.logError("encoding an event failed", problem), { dialect: encoding.name }))
    return []
  }

  const attempt = <A>(encode: () => ReadonlyArray<A>): ReadonlyArray<A> => {
    try {
      return encode()
    } catch (bug) {
      return logFailure(bug)
    }
  }

  /** Requests the snapshots among the frames and returns the others. */
  const withoutSnapshots = (group: Group<V>, frames: ReadonlyArray<EventFrame>): ReadonlyArray<Frame> =>
    frames.filter((frame) => {
      if (frame.policy === "snapshot") snapshots.add(group, frame.key, frame.query)
      return frame.policy !== "snapshot"
    })

  const run = (query: Query<ReadonlyArray<EventFrame>>): Effect.Effect<ReadonlyArray<EventFrame>> =>
    query.pipe(
      Effect.provideService(Contract, contract),
      Effect.timeout(QUERY_TIMEOUT),
      Effect.catch((fault) => Effect.sync(() => logFailure(fault))),
      Effect.catchDefect((bug) => Effect.sync(() => logFailure(bug))),
    )

  return {
    event: (group, item, json) => {
      let query: Query<ReadonlyArray<EventFrame>>
      try {
        query = encoding.event(group.view, item, json, epoch)
      } catch (bug) {
        return logFailure(bug)
      }
      // Most events need no call, and most groups are many: these take no fiber.
      const outcome = outcomeOf(query)
      if (outcome === undefined) return Effect.map(run(query), (frames) => withoutSnapshots(group, frames))
      return Exit.isSuccess(outcome) ? withoutSnapshots(group, outcome.value) : logFailure(outcome.cause)
    },
    throttledText: ({ view }, text) => attempt(() => encoding.textThrottle?.frames(view, text) ?? []),
    keepAlive: (group, now) =>
      withoutSnapshots(
        group,
        attempt(() => encoding.keepAlive?.frames(group.view, now) ?? []),
      ),
    logFailure,
  }
})
