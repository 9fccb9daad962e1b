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
import { textFrame } from "./Frames.ts"
import { type Inquiry, run } from "./Inquiry.ts"
import { type PacedText, Pacing } from "./Pacing.ts"
import type { Peer } from "./Wires.ts"

/** Frames held for one follower while it is brought to the present. More: it is joined anew from where it stands. */
const HELD_FRAMES = 4_096

/** How long the events wait for an answer. Without it, what was asked about is not told. */
const PATIENCE = "2 seconds"

interface Worded {
  readonly told: Frame
  /** Its position, where a client that has not got it must resume before it. */
  readonly seq: number | undefined
  /** The frame's bytes, made when first needed and shared by all. */
  bytes: Buffer | undefined
}

interface WordedEvent extends Worded {
  readonly seq: number
}

class Follower {
  readonly peer: Peer
  /** Everything up to it was handed to the outbox. */
  seq: number
  /** What happens while the past is still being told; undefined: the follower is in the present. */
  held: Array<WordedEvent> | undefined = []
  /** More happened than can be held. */
  outrun = false
  /** Not all of the past could be told. */
  reset: ResetReason | null = null

  constructor(peer: Peer, seq: number) {
    this.peer = peer
    this.seq = seq
  }
}

/** All who get the same frames. */
class Group {
  readonly key: string
  readonly filter: EventFilter
  readonly followers = new Set<Follower>()

  constructor(key: string, filter: EventFilter) {
    this.key = key
    this.filter = filter
  }

  /** The same bytes for everybody who is at the same place: one Buffer for the whole batch. */
  deliver(batch: ReadonlyArray<WordedEvent>): void {
    const first = batch[0]!.seq
    const last = batch.at(-1)!.seq
    let whole: Buffer | undefined
    for (const follower of this.followers) {
      const { held, peer } = follower
      if (held !== undefined) {
        if (held.length + batch.length > HELD_FRAMES) follower.outrun = true
        else held.push(...batch)
      } else if (follower.seq < first && !peer.behind) {
        whole ??= batch.length === 1 ? bytesOf(batch[0]!) : Buffer.concat(batch.map(bytesOf))
        peer.sendShared(whole, batch.length, first)
        follower.seq = last
      } else {
        for (const worded of batch) if (worded.seq > follower.seq) this.hand(peer, worded)
        follower.seq = Math.max(follower.seq, last)
      }
    }
  }

  hand(peer: Peer, worded: Worded): void {
    const { seq, told } = worded
    // A client that keeps up gets the shared bytes; policies are for what has to wait.
    if (told.policy === "must" || !peer.behind) return peer.sendShared(bytesOf(worded), 1, seq)
    // One connection may follow several times: what waits under one key is not another's.
    const key = `${this.key}\n${told.key}`
    if (told.policy === "latest") peer.sendLatest(key, told.text, seq)
    else peer.sendAppended(key, told.value, told.by, seq)
  }
}

const groupId = (key: string, filter: EventFilter): string => `${key}\n${JSON.stringify(filter)}`

const bytesOf = (worded: Worded): Buffer => (worded.bytes ??= textFrame(worded.told.text))

export interface Followed {
  /** Everything up to it was handed to the outbox: from here a client that got all of that can resume. */
  readonly position: () => Position
  /** Brings the peer to the present, calls back, and goes on with what happens, until interrupted. */
  readonly life: Effect.Effect<never>
}

export interface Fanout {
  follow(
    peer: Peer,
    key: string,
    filter: EventFilter,
    from: Position | undefined,
    joined: (at: Position, reset: ResetReason | null) => Effect.Effect<void>,
  ): Followed
}

/** `call`: how what the dialect asks is answered. `digestPauseMs`: how often a list may be told as a whole. */
export const make = Effect.fnUntraced(function* (
  dialect: Pick<Dialect, "name" | "event" | "pace" | "beat">,
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

  const digests = yield* makeDigests<Group>(call, digestPauseMs, (group, key, text) => {
    const list: Worded = { told: { policy: "latest", key, text }, seq: undefined, bytes: undefined }
    for (const { peer } of group.followers) group.hand(peer, list)
  })

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
      const worded: Array<WordedEvent> = []
      for (let i = 0; i < batch.length; i++) {
        const item = batch[i]!
        if (!wants(group.filter, item.event)) continue
        const text = before?.[i]
        if (text !== undefined) {
          // They go with the event: whoever is told it is told them.
          for (const told of pacedFrames(group, text)) worded.push({ told, seq: item.seq, bytes: undefined })
        }
        const telling = word(group, item, texts[i]!)
        for (const told of framesOf(group, "_tag" in telling ? yield* ask(telling) : telling)) {
          worded.push({ told, seq: item.seq, bytes: undefined })
        }
      }
      if (worded.length > 0) group.deliver(worded)
    }
    toldSeq = batch.at(-1)?.seq ?? toldSeq
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
        for (const told of pacedFrames(group, text)) {
          const worded: Worded = { told, seq: undefined, bytes: undefined }
          for (const { held, peer } of group.followers) if (held === undefined) group.hand(peer, worded)
        }
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
        const frame = beat.frame(group.key, clock.currentTimeMillisUnsafe())
        if (frame === undefined) continue
        const worded: Worded = { told: frame, seq: undefined, bytes: undefined }
        for (const { peer } of group.followers) group.hand(peer, worded)
      }
    })
    const beatOn = Effect.catchDefect(beatOnce, (bug) => Effect.sync(() => complain(bug)))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(beatOn, beat.everyMs)))
  }

  const tellPast = Effect.fnUntraced(function* (group: Group, follower: Follower, page: ReadonlyArray<EventItem>) {
    for (const item of page) {
      yield* follower.peer.room()
      const telling = word(group, item, () => JSON.stringify(item))
      // What frames the past has no place of its own: resuming tells it again.
      const seq = item._tag === "Event" ? item.seq : undefined
      for (const told of framesOf(group, "_tag" in telling ? yield* ask(telling) : telling)) {
        group.hand(follower.peer, { told, seq, bytes: undefined })
      }
      follower.seq = item.seq
      if (item._tag === "Joined" && item.reset !== null) follower.reset = item.reset
    }
  })

  /** Tells the past up to a head, then what was held since, at the peer's pace; from there on `deliver` goes on. */
  const bringToPresent = Effect.fnUntraced(function* (group: Group, follower: Follower, from: Position | undefined) {
    const held: Array<WordedEvent> = (follower.held = [])
    follower.outrun = false
    const { head, items } = yield* events.past(group.filter, from)
    yield* Stream.runForEachArray(items, (page) => tellPast(group, follower, page))
    follower.seq = head
    for (let next = 0; !follower.outrun; next++) {
      const worded = held[next]
      if (worded === undefined) {
        follower.held = undefined
        return
      }
      if (worded.seq <= head) continue
      yield* follower.peer.room()
      group.hand(follower.peer, worded)
      // One event may be several frames.
      if (held[next + 1]?.seq !== worded.seq) follower.seq = worded.seq
    }
  })

  const enter = (key: string, filter: EventFilter, follower: Follower): Group => {
    const id = groupId(key, filter)
    const group = groups.get(id) ?? new Group(key, filter)
    groups.set(id, group)
    group.followers.add(follower)
    return group
  }

  const leave = (group: Group, follower: Follower): void => {
    group.followers.delete(follower)
    if (group.followers.size === 0) groups.delete(groupId(group.key, group.filter))
  }

  return {
    follow: (peer, key, filter, from, joined) => {
      // A position of another log is none of ours: the beginning is as good for being told so.
      const follower = new Follower(peer, from === undefined ? events.head().seq : from.epoch === epoch ? from.seq : 0)
      const isPresent = () => follower.held === undefined
      const position = () => ({ epoch, seq: isPresent() ? Math.max(follower.seq, toldSeq) : follower.seq })
      const live = Effect.fnUntraced(function* (group: Group) {
        yield* bringToPresent(group, follower, from)
        while (!isPresent()) yield* bringToPresent(group, follower, position())
        yield* joined(position(), follower.reset)
        return yield* Effect.never
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
