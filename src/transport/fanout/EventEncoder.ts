/**
 * Wording: what a dialect has to say of an event, as frames. A dialect that cannot word one event can word the next: what
 * goes wrong is logged and not told. It knows no follower.
 */
import * as Effect from "effect/Effect"
import type { EventItem } from "../../domain/Event.ts"
import type { Dialect, Frame, EventFrame, ThrottledText } from "../dialect/Dialect.ts"
import type { Call, SnapshotRefresh } from "./SnapshotRefresh.ts"
import type { Group } from "./SubscriberGroups.ts"
import { type Inquiry, run } from "../dialect/Query.ts"

/** How long the events wait for an answer. Without it, what was asked about is not told. */
const PATIENCE = "2 seconds"

export interface EventEncoder {
  /** What is told of an event to the group at once. Where that has to be asked for, when it is known. */
  frames(group: Group, item: EventItem, json: () => string): ReadonlyArray<Frame> | Effect.Effect<ReadonlyArray<Frame>>
  paced(group: Group, text: ThrottledText): ReadonlyArray<Frame>
  /** What every follower is told now and then. */
  beat(group: Group, now: number): ReadonlyArray<Frame>
  /** Of a bug: nothing is told. */
  logFailure(problem: unknown): ReadonlyArray<never>
}

/** `call`: how what the dialect asks is answered. `epoch`: of the events' positions. */
export const make = Effect.fnUntraced(function* (
  dialect: Pick<Dialect, "name" | "event" | "pace" | "beat">,
  call: Call,
  digests: SnapshotRefresh<Group>,
  epoch: string,
): Effect.fn.Return<EventEncoder> {
  const runFork = Effect.runForkWith(yield* Effect.context())

  const complain = (problem: unknown): ReadonlyArray<never> => {
    runFork(Effect.annotateLogs(Effect.logError("an event was not told", problem), { dialect: dialect.name }))
    return []
  }

  const attempt = <A>(word: () => A): A | ReadonlyArray<never> => {
    try {
      return word()
    } catch (bug) {
      return complain(bug)
    }
  }

  const ask = (inquiry: Inquiry<ReadonlyArray<EventFrame>>) =>
    run(inquiry, call).pipe(
      Effect.timeout(PATIENCE),
      Effect.catch((fault) => Effect.sync(() => complain(fault))),
      Effect.catchDefect((bug) => Effect.sync(() => complain(bug))),
    )

  /** Lists are told after the event. */
  const framesOf = (group: Group, told: ReadonlyArray<EventFrame>): ReadonlyArray<Frame> =>
    told.filter((one) => {
      if (one.policy === "digest") digests.add(group, one.key, one.inquiry)
      return one.policy !== "digest"
    })

  return {
    frames: (group, item, json) => {
      const telling = attempt(() => dialect.event(group.key, item, json, epoch) ?? [])
      if ("policy" in telling) return framesOf(group, [telling])
      if ("_tag" in telling) return Effect.map(ask(telling), (told) => framesOf(group, told))
      return framesOf(group, telling)
    },
    paced: ({ key }, text) => attempt(() => dialect.pace?.frames(key, text) ?? []),
    beat: (group, now) =>
      framesOf(
        group,
        attempt(() => dialect.beat?.tell(group.key, now) ?? []),
      ),
    logFailure: complain,
  }
})
