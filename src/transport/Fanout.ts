/**
 * The fan-out: one listener to the events for a whole dialect. An event is worded once for all who follow alike and
 * handed to their outboxes; each is first brought to the present from its own position. It knows no frame.
 *
 * Where a frame says more than its event, the fan-out asks once, for all, and the events behind it wait: positions that
 * a client sees only ever ascend, or it could not resume.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import {
  type EventFilter,
  type EventItem,
  type Position,
  type Positioned,
  type ResetReason,
  wants,
} from "../domain/Event.ts"
import { Events } from "../services/Events.ts"
import type { Dialect, Frame, Told } from "./Dialect.ts"
import { type Call, make as makeDigests } from "./Digests.ts"
import { Follower, Group, groupId, type Listener, type WordedItem } from "./Groups.ts"
import { type Inquiry, run } from "./Inquiry.ts"
import { type PacedText, Pacing } from "./Pacing.ts"

/** How long the events wait for an answer. Without it, what was asked about is not told. */
const PATIENCE = "2 seconds"

export interface Followed {
  /** Everything up to it was handed to the outbox: from here a client that got all of that can resume. */
  readonly position: () => Position
  /** Brings the listener to the present, calls back, and goes on with what happens, until interrupted. */
  readonly life: Effect.Effect<never>
}

export interface Fanout {
  /** Returns when all that has happened until now has been told to those who follow it. */
  readonly told: Effect.Effect<void>
  follow(
    listener: Listener,
    key: string,
    filter: EventFilter,
    from: Position | undefined,
    joined: (at: Position, reset: ResetReason | null) => Effect.Effect<void>,
  ): Followed
}

/** `call`: how what the dialect asks is answered. `digestPauseMs`: how often a list may be told as a whole. */
export const make = Effect.fnUntraced(function* (
  dialect: Pick<Dialect, "name" | "event" | "frame" | "pace" | "beat">,
  call: Call,
  digestPauseMs: number,
): Effect.fn.Return<Fanout, never, Events | Scope.Scope> {
  const events = yield* Events
  const runFork = Effect.runForkWith(yield* Effect.context())
  const news = yield* events.listen
  const { epoch, seq: start } = events.head()
  const groups = new Map<string, Group>()
  /** Everything up to it was handed to all who are in the present. */
  let toldSeq = start
  /** Who wants to know when a position is reached, in order. */
  let waiting: Array<readonly [seq: number, reached: () => void]> = []

  const digests = yield* makeDigests<Group>(call, digestPauseMs, (group, key, text) =>
    group.tell({ policy: "latest", key, text }),
  )

  /** A dialect that cannot word one event can word the next. */
  const complain = (problem: unknown): ReadonlyArray<Told> => {
    runFork(Effect.annotateLogs(Effect.logError("an event was not told", problem), { dialect: dialect.name }))
    return []
  }

  const word = (group: Group, item: EventItem, json: () => string) => {
    try {
      const telling = dialect.event(group.key, item, json, epoch) ?? []
      return "policy" in telling ? [telling] : telling
    } catch (bug) {
      return complain(bug)
    }
  }

  const ask = (inquiry: Inquiry<ReadonlyArray<Told>>) =>
    run(inquiry, call).pipe(
      Effect.timeout(PATIENCE),
      Effect.catch((fault) => Effect.sync(() => complain(fault))),
      Effect.catchDefect((bug) => Effect.sync(() => complain(bug))),
    )

  /** What is told of an event at once; lists are told after it. */
  const framesOf = (group: Group, told: ReadonlyArray<Told>): ReadonlyArray<Frame> =>
    told.filter((one) => {
      if (one.policy === "digest") digests.add(group, one.key, one.inquiry)
      return one.policy !== "digest"
    })

  const { pace } = dialect
  const clock = yield* Clock.Clock
  const pacing = pace && new Pacing(pace.everyMs)
  const paced = yield* Queue.sliding<void>(1)

  const pacedFrames = ({ key }: Group, text: PacedText): ReadonlyArray<Frame> => {
    try {
      return pace?.frames(key, text) ?? []
    } catch (bug) {
      complain(bug)
      return []
    }
  }

  const tellAll = Effect.fnUntraced(function* (batch: ReadonlyArray<Positioned>) {
    const now = clock.currentTimeMillisUnsafe()
    const before = pacing && batch.map((item) => pacing.hear(item, now))
    const texts = batch.map((item) => {
      let text: string | undefined
      return () => (text ??= JSON.stringify(item))
    })
    for (const group of groups.values()) {
      const worded: Array<WordedItem> = []
      for (let i = 0; i < batch.length; i++) {
        const item = batch[i]!
        if (!wants(group.filter, item.event)) continue
        const text = before?.[i]
        if (text !== undefined) {
          // They go with the event: whoever is told it is told them.
          for (const told of pacedFrames(group, text)) worded.push(eventOf(told, item.seq))
        }
        const telling = word(group, item, texts[i]!)
        for (const told of framesOf(group, "_tag" in telling ? yield* ask(telling) : telling)) {
          worded.push(eventOf(told, item.seq))
        }
      }
      if (worded.length > 0) group.deliver(worded)
    }
    toldSeq = batch.at(-1)?.seq ?? toldSeq
    for (const [seq, reached] of waiting) if (seq <= toldSeq) reached()
    waiting = waiting.filter(([seq]) => seq > toldSeq)
    if (pacing?.next() !== undefined) Queue.offerUnsafe(paced, undefined)
  })

  const turns = yield* Semaphore.make(1)
  const told = (batch: ReadonlyArray<Positioned>) =>
    turns.withPermit(Effect.catchDefect(tellAll(batch), (bug) => Effect.sync(() => complain(bug))))
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(PubSub.takeAll(news), told), { disableYield: true }))

  /** Of a text that nothing else of its run has brought forth. */
  const tellDue = (pacing: Pacing) => {
    for (const text of pacing.due(clock.currentTimeMillisUnsafe())) {
      for (const group of groups.values()) {
        if (!wants(group.filter, text.event)) continue
        for (const told of pacedFrames(group, text)) group.tellPresent(told)
      }
    }
  }
  if (pacing !== undefined) {
    const waitAndTell = Effect.gen(function* () {
      yield* Queue.take(paced)
      for (let at = pacing.next(); at !== undefined; at = pacing.next()) {
        yield* Effect.sleep(Math.max(0, at - clock.currentTimeMillisUnsafe()))
        yield* turns.withPermit(Effect.sync(() => tellDue(pacing)))
      }
    })
    yield* Effect.forkScoped(Effect.forever(waitAndTell))
  }

  const { beat } = dialect
  if (beat !== undefined) {
    const beatOnce = Effect.sync(() => {
      for (const group of groups.values()) {
        const told = beat.tell(group.key, clock.currentTimeMillisUnsafe())
        for (const frame of framesOf(group, told)) group.tell(frame)
      }
    })
    const beatOn = Effect.catchDefect(beatOnce, (bug) => Effect.sync(() => complain(bug)))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(beatOn, beat.everyMs)))
  }

  /** Frame by frame, each when there is room. */
  const tellAtItsPace = Effect.fnUntraced(function* (
    group: Group,
    follower: Follower,
    batch: ReadonlyArray<WordedItem>,
  ) {
    const runs = group.runs(batch)
    for (let i = 0; i < runs.length; i++) {
      yield* follower.listener.room()
      group.hand(follower.listener, runs[i]!)
      const reached = runs[i]!.at(-1)!.at
      // One event may be several frames.
      if (runs[i + 1]?.[0]?.at !== reached) follower.seq = reached
    }
  })

  const tellPast = Effect.fnUntraced(function* (group: Group, follower: Follower, page: ReadonlyArray<EventItem>) {
    const worded: Array<WordedItem> = []
    for (const item of page) {
      // What is asked, and the lists that are told besides, are for a listener that can take them.
      yield* follower.listener.room()
      const telling = word(group, item, () => JSON.stringify(item))
      // What frames the past has no place of its own: resuming tells it again.
      const seq = item._tag === "Event" ? item.seq : undefined
      for (const told of framesOf(group, "_tag" in telling ? yield* ask(telling) : telling)) {
        worded.push({ told, seq, at: item.seq, bytes: undefined })
      }
      if (item._tag === "Joined" && item.reset !== null) follower.reset = item.reset
      if (dialect.frame === undefined) yield* tellAtItsPace(group, follower, worded.splice(0))
    }
    yield* tellAtItsPace(group, follower, worded)
    follower.seq = page.at(-1)?.seq ?? follower.seq
  })

  /** Tells what was held, until nothing more is: from there on `deliver` goes on. */
  const tellHeld = Effect.fnUntraced(function* (group: Group, follower: Follower) {
    while (!follower.outrun) {
      const held = follower.takeHeld()
      if (held.length === 0) return
      yield* tellAtItsPace(
        group,
        follower,
        held.filter(({ at }) => at > follower.seq),
      )
    }
  })

  /** Tells the past up to a head, then what was held since, at the listener's pace. */
  const bringToPresent = Effect.fnUntraced(function* (group: Group, follower: Follower, from: Position | undefined) {
    follower.held = []
    follower.outrun = false
    const { head, items } = yield* events.past(group.filter, from)
    yield* Stream.runForEachArray(items, (page) => tellPast(group, follower, page))
    follower.seq = head
    yield* tellHeld(group, follower)
  })

  const enter = (key: string, filter: EventFilter, follower: Follower): Group => {
    const id = groupId(key, filter)
    const group = groups.get(id) ?? new Group(key, filter, dialect.frame)
    groups.set(id, group)
    group.followers.add(follower)
    return group
  }

  const leave = (group: Group, follower: Follower): void => {
    group.followers.delete(follower)
    if (group.followers.size === 0) groups.delete(groupId(group.key, group.filter))
  }

  const allTold = Effect.callback<void>((resume) => {
    const { seq } = events.head()
    if (seq <= toldSeq) return resume(Effect.void)
    waiting.push([seq, () => resume(Effect.void)])
  })

  return {
    told: Effect.timeoutOrElse(allTold, { duration: PATIENCE, orElse: () => Effect.void }),
    follow: (listener, key, filter, from, joined) => {
      // A position of another log is none of ours: the beginning is as good for being told so.
      const follower = new Follower(
        listener,
        from === undefined ? events.head().seq : from.epoch === epoch ? from.seq : 0,
      )
      const isPresent = () => follower.held === undefined
      const position = () => ({ epoch, seq: isPresent() ? Math.max(follower.seq, toldSeq) : follower.seq })
      const live = Effect.fnUntraced(function* (group: Group) {
        yield* bringToPresent(group, follower, from)
        while (!isPresent()) yield* bringToPresent(group, follower, position())
        yield* joined(position(), follower.reset)
        while (true) {
          yield* follower.left()
          yield* tellHeld(group, follower)
          while (!isPresent()) yield* bringToPresent(group, follower, position())
        }
      })
      const life = Effect.acquireUseRelease(
        Effect.sync(() => enter(key, filter, follower)),
        live,
        (group) =>
          Effect.sync(() => {
            follower.seq = position().seq
            follower.held = []
            leave(group, follower)
          }),
      )
      return { position, life }
    },
  }
})

const eventOf = (told: Frame, seq: number): WordedItem => ({ told, seq, at: seq, bytes: undefined })
