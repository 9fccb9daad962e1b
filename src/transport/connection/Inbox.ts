/**
 * The inbox: the queue of frames that came and were not handled, bounded in frames and bytes. Beyond it the socket is
 * not read, so that a flood is held by TCP and not by memory. It knows no frame's meaning.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Limits } from "../../domain/Limits.ts"
import type { Usage } from "./PrincipalUsage.ts"
import type { LoopBatch } from "./LoopBatch.ts"

/** What is handled of one connection in one turn of the event loop, so that who sends much holds up nobody. */
const BATCH_FRAMES = 64
const BATCH_BYTES = 65_536

/**
 * A paused socket still gives what it has read: 64 KiB, in frames of 6 bytes at least. The queue has room for them
 * beyond its limit.
 */
const READ_AHEAD_FRAMES = Math.ceil(65_536 / 6)

/** Smaller frames are not counted to the principal's share: the queue's own bound is enough for them. */
const LARGE_BYTES = 65_536

/** Stands in the queue for a frame that asks for nothing: it takes its place in the turns like any other. */
const NOTHING = Buffer.alloc(0)

/** Returns the text without a byte order mark, which some clients put first and JSON does not have (RFC 8259 8.1). */
const textOf = (frame: Buffer): string =>
  frame.length > 2 && frame[0] === 0xef && frame[1] === 0xbb && frame[2] === 0xbf
    ? frame.toString("utf8", 3)
    : frame.toString()

/** What can be told to wait. */
interface Source {
  pause(): void
  resume(): void
}

export class Inbox {
  readonly #queue: Queue.Queue<Buffer>
  readonly #limits: Limits
  readonly #source: Source
  readonly #turn: LoopBatch
  #bytes = 0
  #resume: ((effect: Effect.Effect<void>) => void) | undefined = undefined
  /** It is this reader's turn, and it was not waiting. */
  #due = false
  /** The source has been told to wait. */
  paused = false
  /** The share of the client's principal, to which large frames count. Undefined: there is no principal yet. */
  usage: Usage | undefined = undefined
  #counted = 0

  constructor(queue: Queue.Queue<Buffer>, limits: Limits, source: Source, turn: LoopBatch) {
    this.#queue = queue
    this.#limits = limits
    this.#source = source
    this.#turn = turn
  }

  static make(limits: Limits, source: Source, turn: LoopBatch): Effect.Effect<Inbox> {
    const queue = Queue.bounded<Buffer>(limits.inboundFrames + READ_AHEAD_FRAMES)
    return Effect.map(queue, (queue) => new Inbox(queue, limits, source, turn))
  }

  /** Returns false if there is no room even for what a paused source may still bring. */
  offer(frame: Buffer): boolean {
    if (frame.length > LARGE_BYTES && !this.#takes(frame.length)) return false
    if (!Queue.offerUnsafe(this.#queue, frame)) return false
    this.#bytes += frame.length
    const frames = Queue.sizeUnsafe(this.#queue)
    if (frames === 1) this.#turn.read(this)
    if (!this.paused && (frames >= this.#limits.inboundFrames || this.#bytes >= this.#limits.frameBytes)) {
      this.paused = true
      this.#source.pause()
    }
    return true
  }

  /** A frame came that needs no handling: that many of them do not hold up others is the queue's business all the same. */
  offerMarker(): boolean {
    return this.offer(NOTHING)
  }

  /** Once after each `filled`: the frames of this turn, in order. What is left is for the next. */
  take(): ReadonlyArray<string> {
    const frames: Array<string> = []
    let bytes = 0
    for (let count = 0; count < BATCH_FRAMES && bytes < BATCH_BYTES; count++) {
      const taken = Queue.takeUnsafe(this.#queue)
      if (taken === undefined || taken._tag === "Failure") break
      bytes += taken.value.length
      if (taken.value.length > LARGE_BYTES) this.#count(-taken.value.length)
      if (taken.value !== NOTHING) frames.push(textOf(taken.value))
    }
    this.#bytes -= bytes
    const left = Queue.sizeUnsafe(this.#queue)
    if (left > 0) this.#turn.read(this)
    if (this.paused && left <= this.#limits.inboundFrames / 4) {
      this.paused = false
      this.#source.resume()
    }
    return frames
  }

  /** The connection has ended: nothing of it counts any more. */
  release(): void {
    this.#count(-this.#counted)
    this.usage = undefined
  }

  /** Behind frames that wait, a large one waits only within the principal's share. */
  #takes(bytes: number): boolean {
    if (this.#bytes > 0 && this.usage?.callRefusal(bytes) !== undefined) return false
    this.#count(bytes)
    return true
  }

  #count(bytes: number): void {
    if (this.usage === undefined) return
    // A frame may have come before there was a principal.
    const change = Math.max(bytes, -this.#counted)
    this.#counted += change
    this.usage.bytes += change
  }

  /**
   * Waits until there are frames and it is this reader's turn, by itself and not among the queue's takers: a reader
   * that is alone needs no list of them, and is woken once for all that came in a turn.
   */
  get filled(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (!this.#due) {
        this.#resume = resume
        return
      }
      this.#due = false
      resume(Effect.void)
    })
  }

  /** The turn's word, once for all that waits. */
  read(): void {
    const resume = this.#resume
    this.#resume = undefined
    this.#due = resume === undefined
    resume?.(Effect.void)
  }
}
