/**
 * Writer: the one way to standard output and standard error. A write returns when the system has taken all of it, or
 * fails. Every command writes by way of Output.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeSync } from "node:fs"
import { Socket } from "node:net"
import { styleText } from "node:util"

export type Target = "stdout" | "stderr"

/** `code`: of the system, e.g. ENOSPC; EPIPE if the reader has left. */
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

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error)

/** Repeats short writes, which a stream of Node on a file takes for complete: a full disk would lose the rest. */
const writeToFile = (fd: number, text: string): void => {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}

type ProcessStream = NodeJS.WritableStream & { readonly fd: number; readonly isTTY?: boolean }

const processWriter = (): Writer => {
  const streams: Readonly<Record<Target, ProcessStream>> = { stdout: process.stdout, stderr: process.stderr }
  // A write reports its own failure. The event would end the process with a stack.
  for (const stream of Object.values(streams)) stream.on("error", () => {})
  return {
    isTerminal: (target) => streams[target].isTTY === true,
    dim: (target, text) => styleText("dim", text, { stream: streams[target] }),
    write: (target, text) => {
      const stream = streams[target]
      const failed = (error: unknown) => new WriteFailed({ target, code: codeOf(error) })
      // Terminals and pipes are sockets of Node; files and devices are not.
      if (!(stream instanceof Socket)) {
        return Effect.try({ try: () => writeToFile(stream.fd, text), catch: failed })
      }
      return Effect.callback((resume) => {
        stream.write(text, (error) => resume(error ? Effect.fail(failed(error)) : Effect.void))
      })
    },
  }
}

export const Writer: Context.Reference<Writer> = Context.Reference("causeway/cli/terminal/Writer", {
  defaultValue: processWriter,
})
