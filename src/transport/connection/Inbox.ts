/**
 * Inbox: the queue of received frames of one connection, bounded in frames and bytes. Beyond its bounds it pauses the
 * socket, so that TCP holds a flood instead of our memory. ConnectionActor.ts fills it and handles its frames.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Limits } from "../../domain/Limits.ts"
import type { LoopBatch, Reader } from "./LoopBatch.ts"
import type { Usage } from "./PrincipalUsage.ts"
import type { Unfinished } from "./Unfinished.ts"

/** Most frames and bytes of one connection in one batch, so that a busy client does not delay others. */
const BATCH_FRAMES = 64
const BATCH_BYTES = 65_536

/** Most frames in the next batch of a connection that has left some, because it sends faster than the gateway handles. */
const BACKLOG_FRAMES = 16

/**
 * Before authentication, a paused socket still delivers the 64 KiB that it has read, in frames of at least 6 bytes. The
 * queue has room for them above its limit.
 */
const READ_AHEAD_FRAMES = Math.ceil(65_536 / 6)

/** Smaller frames do not count towards the principal's usage: the bound of the queue is enough for them. */
const LARGE_BYTES = 65_536

/** Stands in the queue for a control frame, which needs no handling but counts towards the bounds. */
const MARKER = Buffer.alloc(0)

/** Returns the text without a byte order mark, which some clients send and JSON does not allow (RFC 8259 8.1). */
const textOf = (frame: Buffer): string =>
  frame.length > 2 && frame[0] === 0xef && frame[1] === 0xbb && frame[2] === 0xbf
    ? frame.toString("utf8", 3)
    : frame.toString()

/** A socket that can stop reading. */
interface Source {
  pause(): void
  resume(): void
}

export class Inbox implements Reader {
  readonly #queue: Queue.Queue<Buffer>
  readonly #limits: Limits
  readonly #source: Source
  readonly #batch: LoopBatch
  #bytes = 0
  /** Handles the frames of a batch. `undefined` while earlier frames are not finished. */
  #handle: (() => void) | undefined = undefined
  /** The batch has reached this reader while earlier frames were not finished. */
  #isDue = false
  /** The source has stopped reading. */
  isPaused = false
  /** The usage of the client's principal, which includes large frames. `undefined` until there is a principal. */
  usage: Usage | undefined = undefined
  /** Bytes that count towards `usage`. */
  #counted = 0
  /** The part of them that belongs to a message on its way. */
  #expected = 0
  /** The last batch has left frames. */
  #isBehind = false

  constructor(queue: Queue.Queue<Buffer>, limits: Limits, source: Source, batch: LoopBatch) {
    this.#queue = queue
    this.#limits = limits
    this.#source = source
    this.#batch = batch
  }

  static make(limits: Limits, source: Source, batch: LoopBatch): Effect.Effect<Inbox> {
    const queue = Queue.bounded<Buffer>(limits.inboundFrames + READ_AHEAD_FRAMES)
    return Effect.map(queue, (queue) => new Inbox(queue, limits, source, batch))
  }

  /**
   * Counts a large message from its first bytes on, because the socket holds them until it is complete. `bytes`: its size
   * as far as its headers show it. Returns false if the principal has too much in flight.
   */
  expect(bytes: number): boolean {
    if (this.usage === undefined || bytes <= LARGE_BYTES) return true
    const more = bytes - this.#expected
    if (this.usage.bytesRefusal(more) !== undefined) return false
    this.#expected = bytes
    this.#count(more)
    return true
  }

  /** Returns false if the queue is full, although it has room for the frames that a paused source still delivers. */
  offer(frame: Buffer): boolean {
    if (this.#expected > 0 && frame !== MARKER) {
      this.#count(-this.#expected)
      this.#expected = 0
    }
    if (frame.length > LARGE_BYTES && !this.#countLarge(frame.length)) return false
    if (!Queue.offerUnsafe(this.#queue, frame)) return false
    this.#bytes += frame.length
    const frames = Queue.sizeUnsafe(this.#queue)
    if (frames === 1) this.#batch.read(this)
    if (!this.isPaused && (frames >= this.#limits.inboundFrames || this.#bytes >= this.#limits.frameBytes)) {
      this.isPaused = true
      this.#source.pause()
    }
    return true
  }

  /** Adds a marker for a frame that needs no handling, so that a flood of such frames also pauses the source. */
  offerMarker(): boolean {
    return this.offer(MARKER)
  }

  /** Removes and returns the frames of a batch, in order. */
  take(): ReadonlyArray<string> {
    const texts: Array<string> = []
    const most = this.#isBehind ? BACKLOG_FRAMES : BATCH_FRAMES
    let bytes = 0
    for (let count = 0; count < most && bytes < BATCH_BYTES; count++) {
      const taken = Queue.takeUnsafe(this.#queue)
      if (taken === undefined || taken._tag === "Failure") break
      const frame = taken.value
      bytes += frame.length
      if (frame.length > LARGE_BYTES) this.#count(-frame.length)
      if (frame !== MARKER) texts.push(textOf(frame))
    }
    this.#bytes -= bytes
    const left = Queue.sizeUnsafe(this.#queue)
    if (left > 0) this.#batch.read(this)
    if (this.isPaused && left <= this.#limits.inboundFrames / 4) {
      this.isPaused = false
      // The source may offer frames at once.
      this.#source.resume()
    }
    this.#isBehind = Queue.sizeUnsafe(this.#queue) > 0
    return texts
  }

  /** Reads on without a reader: after a flood, the client's close frame comes behind the frames that are dropped. */
  drop(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#source.resume()
  }

  /** Ends the accounting of bytes, because the connection has ended. */
  release(): void {
    this.#count(-this.#counted)
    this.usage = undefined
  }

  /** Counts a large frame, or returns false if it would wait behind others beyond the principal's limit. */
  #countLarge(bytes: number): boolean {
    if (this.#bytes > 0 && this.usage?.callRefusal(bytes) !== undefined) return false
    this.#count(bytes)
    return true
  }

  #count(bytes: number): void {
    if (this.usage === undefined) return
    // A frame that arrived before authentication was not counted.
    const change = Math.max(bytes, -this.#counted)
    this.#counted += change
    this.usage.bytes += change
  }

  /**
   * Handles the frames of each batch. The handling of a batch that need not wait costs no fiber: this effect goes on to
   * wait, and only resumes to finish the others.
   */
  each(handle: (frames: ReadonlyArray<string>) => Unfinished): Effect.Effect<never> {
    const next = Effect.callback<void>((resume) => {
      this.#handle = () => {
        const unfinished = attempt(() => handle(this.take()))
        if (unfinished === undefined) return
        this.#handle = undefined
        resume(unfinished)
      }
      if (this.#isDue) this.read()
      return Effect.sync(() => {
        this.#handle = undefined
      })
    })
    return Effect.forever(next, { disableYield: true })
  }

  /** Called by the batch, once for all waiting frames. */
  read(): void {
    this.#isDue = this.#handle === undefined
    this.#handle?.()
  }
}

/** Returns an effect that dies if the work throws. */
const attempt = (work: () => Unfinished): Unfinished => {
  try {
    return work()
  } catch (bug) {
    return Effect.die(bug)
  }
}
