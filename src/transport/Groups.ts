/**
 * Groups of followers: all who are told the same frames. What is told goes to the outbox of each, shared where it can be,
 * and is held for those who are still being told the past. It words nothing and knows no event.
 */
import type { EventFilter, ResetReason } from "../domain/Event.ts"
import type { Frame } from "./Dialect.ts"
import { textFrame } from "./Frames.ts"
import type { Peer } from "./Wires.ts"

/** Frames held for one follower while it is brought to the present. More: it is joined anew from where it stands. */
const HELD_FRAMES = 4_096

export interface Worded {
  readonly told: Frame
  /** Its position, where a client that has not got it must resume before it. */
  readonly seq: number | undefined
  /** The frame's bytes, made when first needed and shared by all. */
  bytes: Buffer | undefined
}

export interface WordedEvent extends Worded {
  readonly seq: number
}

export class Follower {
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
export class Group {
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

  /** What has no place among the events. */
  tell(told: Frame): void {
    const worded: Worded = { told, seq: undefined, bytes: undefined }
    for (const { peer } of this.followers) this.hand(peer, worded)
  }

  /** The same, where it would be news to nobody who is still being told the past. */
  tellPresent(told: Frame): void {
    const worded: Worded = { told, seq: undefined, bytes: undefined }
    for (const { held, peer } of this.followers) if (held === undefined) this.hand(peer, worded)
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

export const groupId = (key: string, filter: EventFilter): string => `${key}\n${JSON.stringify(filter)}`

const bytesOf = (worded: Worded): Buffer => (worded.bytes ??= textFrame(worded.told.text))
