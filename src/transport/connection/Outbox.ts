/**
 * The outbox: what waits to be written to one client, in order, counted in bytes and frames, with a policy for each
 * kind of frame. Pure queue logic: it knows no socket and decides nothing about a client that is too slow.
 *
 * A linked list, because a replaced frame leaves the middle of it, and because an idle connection should cost nothing.
 */
import { frameBytes } from "./WebSocketFrames.ts"

/** How values of one kind are joined while they wait, and how the result becomes the text of a frame. */
export interface Merge<A> {
  merge(pending: A, next: A): A
  render(value: A): string
  /** About how many bytes the frame will have. */
  bytes(value: A): number
}

/** A value that may still grow while it waits. */
export class Mergeable {
  value: unknown
  readonly by: Merge<unknown>
  constructor(value: unknown, by: Merge<unknown>) {
    this.value = value
    this.by = by
  }
}

/** What waits: a text still to be framed, bytes that are frames already, or a value that becomes a text at last. */
export class Pending {
  body: string | Buffer | Mergeable
  bytes: number
  readonly frames: number
  /** The newest event position that it carries. */
  seq: number | undefined
  /** Whether it tells what happened, rather than answers. */
  readonly tells: boolean
  next: Pending | undefined = undefined
  previous: Pending | undefined = undefined
  /** Under which key it can be found while it waits. */
  key: string | undefined = undefined

  constructor(
    body: string | Buffer | Mergeable,
    bytes: number,
    frames: number,
    seq: number | undefined,
    tells: boolean,
  ) {
    this.tells = tells
    this.body = body
    this.bytes = bytes
    this.frames = frames
    this.seq = seq
  }
}

export class Outbox {
  /** Of all that waits, frame headers included. */
  bytes = 0
  frames = 0
  /** Of what waits: the part that answers, rather than tells. */
  answerBytes = 0
  /** The greatest event position handed out by `take`. */
  takenSeq: number | undefined = undefined
  #first: Pending | undefined = undefined
  #last: Pending | undefined = undefined
  /** The last frame of the urgent lane, which is the beginning of the list. */
  #lastUrgent: Pending | undefined = undefined
  /** The pong that waits. */
  #pong: Pending | undefined = undefined
  #latest: Map<string, Pending> | undefined = undefined
  #appended: Map<string, Pending> | undefined = undefined

  /** Never dropped, never changed: answers, messages. */
  must(text: string, seq?: number): void {
    this.#appended = undefined
    this.#add(textPending(text, seq, false))
  }

  /** As `must`, for bytes that are whole frames and may wait in many outboxes at once. */
  shared(frames: Buffer, count: number, seq?: number): void {
    this.#appended = undefined
    this.#add(new Pending(frames, frames.length, count, seq, true))
  }

  /** Replaces what waits under the same key, at the end: presence, lists. Positions stay in order. */
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
   * Joins what waits under the same key: text deltas of one run. Only with what came after the last `must` frame, so
   * that text and tool calls of a run stay in order; the joined frame moves to the end, so that positions do.
   */
  append<A>(key: string, value: A, by: Merge<A>, seq?: number): void {
    this.#appended ??= new Map()
    const waiting = this.#appended.get(key)
    if (waiting !== undefined) this.#remove(waiting)
    const joined = waiting?.body instanceof Mergeable ? waiting.body.by.merge(waiting.body.value, value) : value
    const bytes = by.bytes(joined as A)
    const pending = new Pending(new Mergeable(joined, by), frameBytes(bytes), 1, seq ?? waiting?.seq, true)
    pending.key = key
    this.#appended.set(key, pending)
    this.#add(pending)
  }

  /** Overtakes everything but other urgent frames: pongs, heartbeats. */
  urgent(frame: Buffer): void {
    this.#overtake(new Pending(frame, frame.length, 1, undefined, false))
  }

  /** Urgent; replaces one that waits: of several pings the newest alone need be answered (RFC 6455 5.5.3). */
  pong(frame: Buffer): void {
    if (this.#pong !== undefined) {
      this.bytes += frame.length - this.#pong.bytes
      this.answerBytes += frame.length - this.#pong.bytes
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

  /** The oldest frames, as many as fit the budget and at least one; they are the caller's now. */
  take(maxBytes: number): ReadonlyArray<Pending> {
    const taken: Array<Pending> = []
    let bytes = 0
    let pending = this.#first
    while (pending !== undefined && (bytes === 0 || bytes + pending.bytes <= maxBytes)) {
      bytes += pending.bytes
      taken.push(pending)
      if (pending.seq !== undefined && pending.seq > (this.takenSeq ?? -1)) this.takenSeq = pending.seq
      if (pending.key !== undefined) this.#forget(pending.key, pending)
      if (pending === this.#lastUrgent) this.#lastUrgent = undefined
      if (pending === this.#pong) this.#pong = undefined
      this.#count(pending, -1)
      if (pending.body instanceof Mergeable) settle(pending, pending.body)
      pending = pending.next
    }
    this.#first = pending
    if (pending === undefined) this.#last = undefined
    else pending.previous = undefined
    return taken
  }

  /** The smallest position that still waits: a client that gets nothing more resumes from before it. */
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
    this.answerBytes = 0
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
    if (!pending.tells) this.answerBytes += sign * pending.bytes
    this.frames += sign * pending.frames
  }
}

const textPending = (text: string, seq: number | undefined, tells: boolean): Pending =>
  new Pending(text, frameBytes(Buffer.byteLength(text)), 1, seq, tells)

/** Taken, a value grows no more: from here on it is its text. */
const settle = (pending: Pending, { by, value }: Mergeable): void => {
  const text = by.render(value)
  pending.body = text
  pending.bytes = frameBytes(Buffer.byteLength(text))
}
