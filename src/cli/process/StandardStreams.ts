/**
 * StandardStreams: standard output and standard error of a gateway. A write never fails and never waits: the reader may
 * have left, the disk may be full, the terminal may be gone or stopped by Ctrl-S. It drops and counts the lines that do
 * not fit. Serve.ts uses it.
 */
import * as Effect from "effect/Effect"
import { Console } from "node:console"
import { Writable } from "node:stream"
import { type Writer, writerWith } from "../terminal/Writer.ts"

/** Bytes that wait for a slow reader: some thousands of lines. */
const PENDING_BYTES = 1_048_576

export interface StandardStreams {
  /** For the log. */
  readonly console: Console
  /** For the pages of the command. */
  readonly writer: Writer
  /** Receives the number of dropped lines when standard error takes lines again. */
  onDropped: (lines: number) => void
}

const hasSetBlocking = (handle: unknown): handle is { setBlocking(blocking: boolean): unknown } =>
  typeof handle === "object" && handle !== null && "setBlocking" in handle && typeof handle.setBlocking === "function"

/** Keeps a standard stream from blocking or ending the process, also for Node's own writes. */
const makeSafe = (stream: NodeJS.WriteStream): void => {
  // Without a listener a failed write ends the process.
  stream.on("error", () => {})
  // Node blocks on writes to a terminal and has no public switch for it. Pipes and files need none.
  if (stream.isTTY && "_handle" in stream && hasSetBlocking(stream._handle)) stream._handle.setBlocking(false)
}

/** Returns a stream that drops lines while too many bytes wait in `target`. Exported for tests. */
export const bounded = (target: Writable, onDropped: (lines: number) => void): Writable => {
  let dropped = 0
  const onWritten = (error: Error | null | undefined) => {
    if (error) dropped++
    else if (dropped > 0) {
      const lines = dropped
      dropped = 0
      onDropped(lines)
    }
  }
  return new Writable({
    decodeStrings: false,
    write: (line: string, _, done) => {
      if (target.writableLength > PENDING_BYTES) dropped++
      else target.write(line, onWritten)
      done()
    },
  })
}

/** Takes over both standard streams. Call it once, before the first write. */
export const takeOver = (): StandardStreams => {
  makeSafe(process.stdout)
  makeSafe(process.stderr)
  const stdout = bounded(process.stdout, () => {})
  const stderr = bounded(process.stderr, (lines) => streams.onDropped(lines))
  const streams: StandardStreams = {
    console: new Console({ stdout, stderr }),
    writer: writerWith((target, text) => Effect.sync(() => void { stdout, stderr }[target].write(text))),
    onDropped: () => {},
  }
  return streams
}
