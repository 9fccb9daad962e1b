/**
 * Outbox: the queue of frames that wait for one client, in order, counted in bytes and frames, with a policy for each
 * kind of frame. SocketWriter.ts writes it to the socket, and ConnectionPeer.ts closes clients that exceed its bounds.
 *
 * A linked list, because a replaced frame leaves the middle of it, and because an idle connection should cost nothing.
 */
import { frameBytes } from "./WebSocketFrames.ts"

/** Merges values of one kind while they wait, and renders the result as the text of a frame. */
export interface Merge<A> {
  merge(pending: A, next: A): A
  render(value: A): string
  /** Estimates the bytes of the frame. */
  bytes(value: A): number
}

/** A value that may still merge with later ones while it waits. */
export class Mergeable {
  value: unknown
  readonly by: Merge<unknown>
  constructor(value: unknown, by: Merge<unknown>) {
    this.value = value
    this.by = by
  }
}

/** An entry of the queue: a text without its frame header, encoded frames, or a value that is rendered when it leaves. */
export class Pending {
  body: string | Buffer | Mergeable
  bytes: number
  readonly frames: number
  /** Event position of the frames, as `Sender` in Peer.ts defines it. */
  seq: number | undefined
  /** Whether it carries an event, rather than a reply. */
  readonly isEvent: boolean
  next: Pending | undefined = undefined
  previous: Pending | undefined = undefined
  /** The key under which a later frame finds it. */
  key: string | undefined = undefined

  constructor(
    body: string | Buffer | Mergeable,
    bytes: number,
    frames: number,
    seq: number | undefined,
    isEvent: boolean,
  ) {
    this.isEvent = isEvent
    this.body = body
    this.bytes = bytes
    this.frames = frames
    this.seq = seq
  }
}

export class Outbox {
  /** Bytes of all waiting frames, headers included. */
  bytes = 0
  frames = 0
  /** The part of `bytes` that carries replies, not events. */
  replyBytes = 0
  /** The greatest event position that has left. */
  takenSeq: number | undefined = undefined
  /** Frames that have left. */
  takenFrames = 0
  #first: Pending | undefined = undefined
  #last: Pending | undefined = undefined
  /** The last urgent frame. Urgent frames are at the beginning of the list. */
  #lastUrgent: Pending | undefined = undefined
  /** The waiting pong. */
  #pong: Pending | undefined = undefined
  #latest: Map<string, Pending> | undefined = undefined
  #appended: Map<string, Pending> | undefined = undefined

  /** Adds a text that is always sent as it is, e.g. a reply. */
  must(text: string, seq?: number): void {
    this.#appended = undefined
    this.#add(textPending(text, seq, false))
  }

  /** Like `must`, for whole frames, whose bytes may wait in many outboxes at once. */
  shared(frames: Buffer, count: number, seq?: number): void {
    this.#appended = undefined
    this.#add(new Pending(frames, frames.length, count, seq, true))
  }

  /** Counts frames that left without waiting. */
  passed(count: number, seq: number | undefined): void {
    this.takenFrames += count
    if (seq !== undefined && seq > (this.takenSeq ?? -1)) this.takenSeq = seq
  }

  /** Replaces the waiting frame under the key, e.g. a list. Moves to the end, so that positions stay in order. */
  latest(key: string, text: string, seq?: number): void {
    this.#latest ??= new Map()
    const replaced = this.#latest.get(key)
    if (replaced !== undefined) this.#remove(replaced)
    const pending = textPending(text, seq, true)
    pending.key = key
    this.#latest.set(key, pending)
    this.#add(pending)
  }

  /**
   * Merges with the waiting value under the key, e.g. text deltas of one run, unless a `must` frame was added since: text
   * and tool calls of a run stay in order. The merged frame moves to the end, so that positions stay in order.
   */
  append<A>(key: string, value: A, by: Merge<A>, seq?: number): void {
    this.#appended ??= new Map()
    const waiting = this.#appended.get(key)
    if (waiting !== undefined) this.#remove(waiting)
    const merged = waiting?.body instanceof Mergeable ? waiting.body.by.merge(waiting.body.value, value) : value
    const bytes = by.bytes(merged as A)
    const pending = new Pending(new Mergeable(merged, by), frameBytes(bytes), 1, seq ?? waiting?.seq, true)
    pending.key = key
    this.#appended.set(key, pending)
    this.#add(pending)
  }

  /** Adds a frame that overtakes all but other urgent ones, e.g. a heartbeat. */
  urgent(frame: Buffer): void {
    this.#overtake(new Pending(frame, frame.length, 1, undefined, false))
  }

  /** Adds an urgent pong, or replaces the waiting one: a client needs an answer to its newest ping only (RFC 6455 5.5.3). */
  pong(frame: Buffer): void {
    if (this.#pong !== undefined) {
      this.bytes += frame.length - this.#pong.bytes
      this.replyBytes += frame.length - this.#pong.bytes
      this.#pong.body = frame
      this.#pong.bytes = frame.length
      return
    }
    this.#pong = new Pending(frame, frame.length, 1, undefined, false)
    this.#overtake(this.#pong)
  }

  #overtake(pending: Pending): void {
    const before = this.#lastUrgent
    this.#lastUrgent = pending
    if (before === undefined) {
      pending.next = this.#first
      if (this.#first === undefined) this.#last = pending
      else this.#first.previous = pending
      this.#first = pending
    } else {
      pending.previous = before
      pending.next = before.next
      if (before.next === undefined) this.#last = pending
      else before.next.previous = pending
      before.next = pending
    }
    this.#count(pending, 1)
  }

  /** Removes and returns the oldest frames, as many as fit the budget and at least one. */
  take(maxBytes: number): ReadonlyArray<Pending> {
    const taken: Array<Pending> = []
    let bytes = 0
    let pending = this.#first
    while (pending !== undefined && (bytes === 0 || bytes + pending.bytes <= maxBytes)) {
      bytes += pending.bytes
      taken.push(pending)
      this.passed(pending.frames, pending.seq)
      if (pending.key !== undefined) this.#forget(pending.key, pending)
      if (pending === this.#lastUrgent) this.#lastUrgent = undefined
      if (pending === this.#pong) this.#pong = undefined
      this.#count(pending, -1)
      if (pending.body instanceof Mergeable) renderBody(pending, pending.body)
      pending = pending.next
    }
    this.#first = pending
    if (pending === undefined) this.#last = undefined
    else pending.previous = undefined
    return taken
  }

  /** Returns the smallest waiting position. A client that receives no more frames resumes before it. */
  firstSeq(): number | undefined {
    let least: number | undefined
    for (let pending = this.#first; pending !== undefined; pending = pending.next) {
      if (pending.seq !== undefined && (least === undefined || pending.seq < least)) least = pending.seq
    }
    return least
  }

  clear(): void {
    this.bytes = 0
    this.frames = 0
    this.replyBytes = 0
    this.#first = this.#last = this.#lastUrgent = this.#pong = undefined
    this.#latest = this.#appended = undefined
  }

  #add(pending: Pending): void {
    pending.previous = this.#last
    pending.next = undefined
    if (this.#last === undefined) this.#first = pending
    else this.#last.next = pending
    this.#last = pending
    this.#count(pending, 1)
  }

  #remove(pending: Pending): void {
    if (pending.previous === undefined) this.#first = pending.next
    else pending.previous.next = pending.next
    if (pending.next === undefined) this.#last = pending.previous
    else pending.next.previous = pending.previous
    this.#count(pending, -1)
  }

  #forget(key: string, pending: Pending): void {
    if (this.#latest?.get(key) === pending) this.#latest.delete(key)
    else if (this.#appended?.get(key) === pending) this.#appended.delete(key)
  }

  #count(pending: Pending, sign: 1 | -1): void {
    this.bytes += sign * pending.bytes
    if (!pending.isEvent) this.replyBytes += sign * pending.bytes
    this.frames += sign * pending.frames
  }
}

const textPending = (text: string, seq: number | undefined, isEvent: boolean): Pending =>
  new Pending(text, frameBytes(Buffer.byteLength(text)), 1, seq, isEvent)

/** Renders a value that leaves the queue. */
const renderBody = (pending: Pending, { by, value }: Mergeable): void => {
  const text = by.render(value)
  pending.body = text
  pending.bytes = frameBytes(Buffer.byteLength(text))
}
