/**
 * UpstreamFeed: feeds the cards of one upstream gateway: from its WebSocket, and from its REST address while the WebSocket
 * does not answer. Fleet.ts runs it for each gateway, and does not load it without upstream gateways.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConnectedUpstream } from "../upstreams/Upstreams.ts"
import type { CardMerge, Change } from "./CardMerge.ts"
import { Answering, standIn } from "./StandIn.ts"
import type { PollSink } from "./UpstreamPoll.ts"
import type { UpstreamStatus } from "./UpstreamStatus.ts"
import { follow } from "./UpstreamSync.ts"

/** The part of the fleet that a feed uses. The functions return at once. */
export interface Feed {
  readonly merge: CardMerge
  readonly status: UpstreamStatus
  readonly apply: (change: Change) => void
  /** The status has got a report. `isNew`: it is another one now. */
  readonly reported: (isNew: boolean) => void
  readonly polled: (at: number) => void
}

/** The WebSocket gets this long to answer, at the start and after a drop. */
const PATIENCE = "30 seconds"

/** Feeds the cards until it is interrupted. */
export const run = Effect.fnUntraced(function* ({ client, settings }: ConnectedUpstream, feed: Feed) {
  const { apply, merge, polled, reported, status } = feed
  const { runs } = merge
  const clock = yield* Clock.Clock
  const ready = new Answering()
  const report = (change: (now: number) => boolean) => {
    reported(change(clock.currentTimeMillisUnsafe()))
    ready.set(status.isReady)
  }

  const followed = follow(client, {
    runs,
    apply,
    report: (facts) => report((now) => status.report(facts, now)),
    isInStep: () => status.isInStep,
  })
  if (settings.pollUrl === undefined) return yield* followed

  const sink: PollSink = {
    runs,
    // An answer that comes too late is older than the cards.
    apply: (change) => (status.isReady ? undefined : apply(change)),
    report: (poll) => {
      if (poll._tag === "Answered") polled(poll.at)
      report((now) => status.polled(poll, now))
    },
  }
  const polling = Effect.flatMap(
    Effect.promise(() => import("./UpstreamPoll.ts")),
    ({ poll }) => poll(settings, sink),
  )
  yield* Effect.all([followed, standIn(ready, PATIENCE, polling)], { concurrency: "unbounded", discard: true })
})
