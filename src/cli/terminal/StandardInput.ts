/**
 * Standard input: as one text, for commands whose argument is `-`, and as a stream for a conversation. An input that
 * cannot be read fails; it never counts as empty.
 */
import * as Effect from "effect/Effect"
import { createReadStream, fstatSync, readFileSync, statSync } from "node:fs"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { CommandFailed, ExitCode } from "./ExitCode.ts"

/** More than a gateway takes in one frame. */
const MOST_MEGABYTES = 64

const failed = (problem: string, remedy: string) =>
  new CommandFailed({ problem: `standard input ${problem}`, remedy, exitCode: ExitCode.failed })

/** Returns the failure of a command whose input broke off with the error. */
export const inputFailure = (error: unknown): CommandFailed =>
  error instanceof CommandFailed
    ? error
    : failed(
        `cannot be read (${error instanceof Error && "code" in error ? String(error.code) : String(error)})`,
        "feed it a file or a pipe; nothing was changed",
      )

/**
 * Returns the stream of standard input. `process.stdin` is an empty stream where Node knows no stream for the thing,
 * e.g. for a folder. Everything except pipes and terminals is therefore read as a file.
 */
export const openInput: Effect.Effect<Readable, CommandFailed> = Effect.suspend(() => {
  if (isClosed()) {
    return Effect.fail(failed("is closed", "feed it a file or a pipe; nothing was changed"))
  }
  return Effect.succeed(
    process.stdin instanceof Socket ? process.stdin : createReadStream("", { fd: 0, autoClose: false }),
  )
})

/** In place of a closed input Node opens the null device for reading and writing. A shell opens it for reading. */
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
    if (bytes > MOST_MEGABYTES * 1_048_576) {
      throw failed(`has more than ${MOST_MEGABYTES} MB`, "give less; nothing was changed")
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw failed("is not UTF-8 text", "convert it first; nothing was changed")
  }
}

/** Reads all of standard input. */
export const standardInput: Effect.Effect<string, CommandFailed> = Effect.flatMap(openInput, (input) =>
  Effect.tryPromise({ try: () => read(input), catch: inputFailure }),
)
