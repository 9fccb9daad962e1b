/**
 * LoopBatch: the reads and writes of one event-loop tick, over all connections. Inboxes handle together what their sockets
 * received in the tick, and each outbox writes once all replies to it are there. ConnectionSupervisor.ts makes it.
 */
import type * as Clock from "effect/Clock"
import { monotonicMs } from "../../domain/MonotonicTime.ts"
import { Scratch } from "./Scratch.ts"

export interface Reader {
  /** Handles the received frames. */
  read(): void
}

export interface Writer {
  /** Writes the waiting frames. */
  flush(): void
}

export class LoopBatch {
  /** Start of the newest batch of reads, in milliseconds on the monotonic clock. */
  nowMs: number
  readonly scratch = new Scratch()
  readonly #clock: Clock.Clock
  #readers: Array<Reader> = []
  #writers: Array<Writer> = []

  constructor(clock: Clock.Clock) {
    this.#clock = clock
    this.nowMs = monotonicMs(clock)
  }

  /** Calls the reader after the sockets have been read. Handling several frames together is cheaper than one by one. */
  read(reader: Reader): void {
    if (this.#readers.push(reader) === 1) setImmediate(this.#readAll)
  }

  /** Calls the writer before the event loop goes on, once for all frames that were added meanwhile. */
  write(writer: Writer): void {
    if (this.#writers.push(writer) === 1) process.nextTick(this.#writeAll)
  }

  readonly #readAll = () => {
    const readers = this.#readers
    this.#readers = []
    this.nowMs = monotonicMs(this.#clock)
    for (const reader of readers) reader.read()
  }

  readonly #writeAll = () => {
    const writers = this.#writers
    this.#writers = []
    for (const writer of writers) writer.flush()
  }
}
