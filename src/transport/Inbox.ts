/**
 * The inbox: the queue of frames that came and were not handled, bounded in frames and bytes. Beyond it the socket is
 * not read, so that a flood is held by TCP and not by memory. It knows no frame's meaning.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Limits } from "../domain/Limits.ts"
import type { Turn } from "./Turn.ts"

/** Frames handled between two looks at the queue. */
const BATCH_FRAMES = 64

/**
 * A paused socket still gives what it has read: 64 KiB, in frames of 6 bytes at least. The queue has room for them
 * beyond its limit.
 */
const READ_AHEAD_FRAMES = Math.ceil(65_536 / 6)

/** What can be told to wait. */
interface Source {
  pause(): void
  resume(): void
}

export class Inbox {
  readonly #queue: Queue.Queue<Buffer>
  readonly #limits: Limits
  readonly #source: Source
  readonly #turn: Turn
  #bytes = 0
  #resume: ((effect: Effect.Effect<void>) => void) | undefined = undefined
  /** The source has been told to wait. */
  paused = false

  constructor(queue: Queue.Queue<Buffer>, limits: Limits, source: Source, turn: Turn) {
    this.#queue = queue
    this.#limits = limits
    this.#source = source
    this.#turn = turn
  }

  static make(limits: Limits, source: Source, turn: Turn): Effect.Effect<Inbox> {
    const queue = Queue.bounded<Buffer>(limits.inboundFrames + READ_AHEAD_FRAMES)
    return Effect.map(queue, (queue) => new Inbox(queue, limits, source, turn))
  }

  /** False: there is no room even for what a paused source may still bring. */
  offer(frame: Buffer): boolean {
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

  /** Some of the frames, in order; none: there are none. */
  take(): ReadonlyArray<string> {
    const frames: Array<string> = []
    while (frames.length < BATCH_FRAMES) {
      const taken = Queue.takeUnsafe(this.#queue)
      if (taken === undefined || taken._tag === "Failure") break
      this.#bytes -= taken.value.length
      frames.push(taken.value.toString())
    }
    if (this.paused && Queue.sizeUnsafe(this.#queue) <= this.#limits.inboundFrames / 4) {
      this.paused = false
      this.#source.resume()
    }
    return frames
  }

  /**
   * Waits for the next frame, by itself and not among the queue's takers: a reader that is alone needs no list of
   * them, and is woken once for all that came in a turn.
   */
  get filled(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.#resume = resume
    })
  }

  /** The turn's word that something has come. */
  read(): void {
    const resume = this.#resume
    this.#resume = undefined
    resume?.(Effect.void)
  }
}
