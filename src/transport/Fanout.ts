/**
 * The fan-out: one listener to the events for a whole dialect. An event is worded once for all who follow alike and
 * handed to their outboxes; each is first brought to the present from its own position. It knows no frame.
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type EventFilter, type EventItem, type Position, type Positioned, wants } from "../domain/Event.ts"
import { Events } from "../services/Events.ts"
import type { Dialect, Told } from "./Dialect.ts"
import { textFrame } from "./Frames.ts"
import type { Peer } from "./Wires.ts"

/** Frames held for one follower while it is brought to the present. More: it is joined anew from where it stands. */
const HELD_FRAMES = 4_096

interface Worded {
  readonly told: Told
  readonly seq: number
  /** The frame's bytes, made when first needed and shared by all. */
  bytes: Buffer | undefined
}

class Follower {
  readonly peer: Peer
  /** Events up to it were sent. */
  seq = -1
  /** What happened while the past is still being told; undefined: the follower is in the present. */
  held: Array<Worded> | undefined = []
  outrun = false

  constructor(peer: Peer) {
    this.peer = peer
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
}

const bytesOf = (worded: Worded): Buffer => (worded.bytes ??= textFrame(worded.told.text))

const send = (peer: Peer, worded: Worded): void => {
  const { seq, told } = worded
  // A client that keeps up gets the shared bytes; policies are for what has to wait.
  if (told.policy === "must" || !peer.behind) peer.sendShared(bytesOf(worded), 1, seq)
  else if (told.policy === "latest") peer.sendLatest(told.key, told.text, seq)
  else peer.sendAppended(told.key, told.value, told.by, seq)
}

const hold = (follower: Follower, held: Array<Worded>, batch: ReadonlyArray<Worded>): void => {
  if (held.length + batch.length > HELD_FRAMES) follower.outrun = true
  else held.push(...batch)
}

/** The same bytes for everybody who is at the same place: one Buffer for the whole batch. */
const deliver = (group: Group, batch: ReadonlyArray<Worded>): void => {
  const first = batch[0]!.seq
  const last = batch.at(-1)!.seq
  let whole: Buffer | undefined
  for (const follower of group.followers) {
    if (follower.held !== undefined) {
      hold(follower, follower.held, batch)
    } else if (follower.seq < first && !follower.peer.behind) {
      whole ??= batch.length === 1 ? bytesOf(batch[0]!) : Buffer.concat(batch.map(bytesOf))
      follower.peer.sendShared(whole, batch.length, last)
      follower.seq = last
    } else {
      for (const worded of batch) if (worded.seq > follower.seq) send(follower.peer, worded)
      follower.seq = Math.max(follower.seq, last)
    }
  }
}

export interface Fanout {
  /** Brings the peer to the present, then tells it what happens, until interrupted. */
  follow(peer: Peer, key: string, filter: EventFilter, from: Position | undefined): Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (
  dialect: Pick<Dialect, "event">,
): Effect.fn.Return<Fanout, never, Events | Scope.Scope> {
  const events = yield* Events
  const news = yield* events.listen
  const groups = new Map<string, Group>()

  const word = (key: string, item: EventItem, json: () => string): Worded | undefined => {
    const told = dialect.event(key, item, json)
    return told === undefined ? undefined : { told, seq: item.seq, bytes: undefined }
  }

  const tellAll = (batch: ReadonlyArray<Positioned>): void => {
    const texts = batch.map((item) => {
      let text: string | undefined
      return () => (text ??= JSON.stringify(item))
    })
    for (const group of groups.values()) {
      const worded: Array<Worded> = []
      for (let i = 0; i < batch.length; i++) {
        const item = batch[i]!
        const one = wants(group.filter, item.event) ? word(group.key, item, texts[i]!) : undefined
        if (one !== undefined) worded.push(one)
      }
      if (worded.length > 0) deliver(group, worded)
    }
  }

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.map(PubSub.takeAll(news), (batch) => tellAll(batch)),
      { disableYield: true },
    ),
  )

  /** Tells the past up to a head, then what was held since; from there on `deliver` goes on. */
  const bringToPresent = Effect.fnUntraced(function* (group: Group, follower: Follower, from: Position | undefined) {
    const { head, items } = yield* events.past(group.filter, from)
    yield* Stream.runForEachArray(items, (page) =>
      Effect.map(follower.peer.room(), () => {
        for (const item of page) {
          const worded = word(group.key, item, () => JSON.stringify(item))
          if (worded !== undefined) send(follower.peer, worded)
        }
      }),
    )
    follower.seq = head
    if (follower.outrun) return
    for (const worded of follower.held ?? []) {
      if (worded.seq <= head) continue
      send(follower.peer, worded)
      follower.seq = worded.seq
    }
    follower.held = undefined
  })

  const join = Effect.fnUntraced(function* (peer: Peer, group: Group, from: Position | undefined) {
    let position = from
    while (true) {
      const follower = new Follower(peer)
      group.followers.add(follower)
      yield* Effect.ensuring(
        Effect.andThen(
          bringToPresent(group, follower, position),
          Effect.suspend(() => (follower.outrun ? Effect.void : Effect.never)),
        ),
        Effect.sync(() => group.followers.delete(follower)),
      )
      position = { epoch: events.head().epoch, seq: follower.seq }
    }
  })

  return {
    follow: (peer, key, filter, from) =>
      Effect.suspend(() => {
        const id = `${key}\n${JSON.stringify(filter)}`
        const group = groups.get(id) ?? new Group(key, filter)
        groups.set(id, group)
        return Effect.ensuring(
          join(peer, group, from),
          Effect.sync(() => {
            if (group.followers.size === 0 && groups.get(id) === group) groups.delete(id)
          }),
        )
      }),
  }
})
