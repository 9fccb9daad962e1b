/**
 * Writer: writes to standard output and standard error. A write returns when the system has taken all of it, or fails.
 * Commands write through Output.ts. `causeway start` provides the writer of StandardStreams.ts, which never waits.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeSync } from "node:fs"
import { Socket } from "node:net"
import { styleText } from "node:util"
import { codeOf } from "../../domain/SystemError.ts"

export type Target = "stdout" | "stderr"

/** `code`: the system's error code, e.g. ENOSPC, or EPIPE if the reader has left. */
export class WriteFailed extends Schema.TaggedError<WriteFailed>()("WriteFailed", {
  target: Schema.Literals(["stdout", "stderr"]),
  code: Schema.String,
}) {}

export interface Writer {
  readonly isTerminal: (target: Target) => boolean
  /** Returns the text dimmed if the target is a terminal and NO_COLOR is not set. */
  readonly dim: (target: Target, text: string) => string
  readonly write: (target: Target, text: string) => Effect.Effect<void, WriteFailed>
}

/** Repeats short writes. Node's file streams take them for complete, so a full disk would lose the rest silently. */
const writeToFile = (fd: number, text: string): void => {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}

type ProcessStream = NodeJS.WritableStream & { readonly fd: number; readonly isTTY?: boolean }

const streams = (): Readonly<Record<Target, ProcessStream>> => process

/** Returns a writer that looks at the standard streams of this process and writes with `write`. */
export const writerWith = (write: Writer["write"]): Writer => ({
  isTerminal: (target) => streams()[target].isTTY === true,
  dim: (target, text) => styleText("dim", text, { stream: streams()[target] }),
  write,
})

const processWriter = (): Writer => {
  // Each write reports its own failure. Without a listener, the event would end the process with a stack.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  return writerWith((target, text) => {
    const stream = streams()[target]
    const failed = (error: unknown) => new WriteFailed({ target, code: codeOf(error) })
    // Node wraps terminals and pipes in sockets, but not files and devices.
    if (!(stream instanceof Socket)) {
      return Effect.try({ try: () => writeToFile(stream.fd, text), catch: failed })
    }
    return Effect.callback((resume) => {
      stream.write(text, (error) => resume(error ? Effect.fail(failed(error)) : Effect.void))
    })
  })
}

export const Writer: Context.Reference<Writer> = Context.Reference("causeway/cli/terminal/Writer", {
  defaultValue: processWriter,
})
