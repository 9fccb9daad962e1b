/**
 * Standard output and standard error of a gateway. What is written never fails and never waits: the reader may have
 * left, the disk may be full, the terminal may be gone or stopped by Ctrl-S. Lines that nobody takes are dropped and
 * counted.
 */
import { Console } from "node:console"
import { Writable } from "node:stream"

/** Bytes that wait for a reader that does not read: some thousands of lines. */
const PENDING_BYTES = 1_048_576

export interface StandardStreams {
  readonly console: Console
  /** Called with the number of lines that are missing, when standard error takes lines again. */
  onGap: (lines: number) => void
}

const isAbleToWait = (handle: unknown): handle is { setBlocking(blocking: boolean): unknown } =>
  typeof handle === "object" && handle !== null && "setBlocking" in handle && typeof handle.setBlocking === "function"

/** Makes a standard stream harmless to the process, also for what Node itself writes to it. */
const tame = (stream: NodeJS.WriteStream): void => {
  // Without a listener a failed write ends the process.
  stream.on("error", () => {})
  // Node lets writes to a terminal block. It has no public switch for that; pipes never block, and files do not wait.
  if (stream.isTTY && "_handle" in stream && isAbleToWait(stream._handle)) stream._handle.setBlocking(false)
}

/** Exported for tests. */
export const bounded = (target: Writable, onGap: (lines: number) => void): Writable => {
  let missing = 0
  const onWritten = (error: Error | null | undefined) => {
    if (error) missing++
    else if (missing > 0) {
      const lines = missing
      missing = 0
      onGap(lines)
    }
  }
  return new Writable({
    decodeStrings: false,
    write: (line: string, _, done) => {
      if (target.writableLength > PENDING_BYTES) missing++
      else target.write(line, onWritten)
      done()
    },
  })
}

/** Takes both streams of this process over. Once, before anything is written. */
export const takeOver = (): StandardStreams => {
  tame(process.stdout)
  tame(process.stderr)
  const streams: StandardStreams = {
    console: new Console({
      stdout: bounded(process.stdout, () => {}),
      stderr: bounded(process.stderr, (lines) => streams.onGap(lines)),
    }),
    onGap: () => {},
  }
  return streams
}
