/**
 * One turn of the event loop: what many sockets brought is handed to their connections together once all of it is
 * there, and what the connections answered is written together, once for each socket. It knows neither of them.
 */
import type * as Clock from "effect/Clock"

export const monotonicMs = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

interface Reader {
  /** Takes what has come. */
  read(): void
}

interface Writer {
  /** Writes what waits. */
  flush(): void
}

export class LoopBatch {
  /** When the newest turn that brought something began, in milliseconds on the clock that only goes forward. */
  nowMs: number
  readonly #clock: Clock.Clock
  #readers: Array<Reader> = []
  #writers: Array<Writer> = []

  constructor(clock: Clock.Clock) {
    this.#clock = clock
    this.nowMs = monotonicMs(clock)
  }

  /** Once for what came in this turn: a frame of its own is dear, a frame among others is cheap. */
  read(reader: Reader): void {
    if (this.#readers.push(reader) === 1) setImmediate(this.#readAll)
  }

  /** Once for what was answered since, before the event loop waits again. */
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
