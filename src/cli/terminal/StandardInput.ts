/**
 * StandardInput: reads standard input as one text, for commands whose argument is `-`, or as a stream, for Lines.ts. An
 * unreadable input fails and never counts as empty.
 */
import * as Effect from "effect/Effect"
import { createReadStream, fstatSync, readFileSync, statSync } from "node:fs"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { codeOf } from "../../domain/SystemError.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"

/** More than a gateway accepts in one frame. */
const MAX_MEGABYTES = 64

const failed = (problem: string, remedy: string) =>
  new CommandFailed({ problem: `standard input ${problem}`, remedy, exitCode: ExitCode.failed })

/** Returns the failure of a command for an error of its input. */
export const inputFailure = (error: unknown): CommandFailed =>
  error instanceof CommandFailed
    ? error
    : failed(`cannot be read (${codeOf(error)})`, "use a file or a pipe; nothing was changed")

/**
 * Returns the stream of standard input. Reads everything except pipes and terminals as a file, because `process.stdin`
 * is an empty stream for a folder.
 */
export const openInput: Effect.Effect<Readable, CommandFailed> = Effect.suspend(() => {
  if (isClosed()) {
    return Effect.fail(failed("is closed", "use a file or a pipe; nothing was changed"))
  }
  return Effect.succeed(
    process.stdin instanceof Socket ? process.stdin : createReadStream("", { fd: 0, autoClose: false }),
  )
})

/** Node replaces a closed input by the null device, opened for reading and writing. Shells open it for reading only. */
const isClosed = (): boolean => {
  try {
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync("/proc/self/fdinfo/0", "utf8"))?.[1] ?? ""
    return flags.endsWith("2") && fstatSync(0).rdev === statSync("/dev/null").rdev
  } catch {
    return false
  }
}

const read = async (input: Readable): Promise<string> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_MEGABYTES * 1_048_576) {
      throw failed(`has more than ${MAX_MEGABYTES} MB`, "send less; nothing was changed")
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw failed("is not UTF-8 text", "convert it to UTF-8; nothing was changed")
  }
}

/** Reads all of standard input. */
export const standardInput: Effect.Effect<string, CommandFailed> = Effect.flatMap(openInput, (input) =>
  Effect.tryPromise({ try: () => read(input), catch: inputFailure }),
)
