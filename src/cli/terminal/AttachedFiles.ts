/**
 * AttachedFiles: reads files of the user for a message. `causeway send` uses it.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { codeOf } from "../../domain/SystemError.ts"
import type { AttachmentUpload } from "../../domain/Attachment.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"

/** The bytes of a frame beside the files in it. */
const REST_BYTES = 65_536

const failed = (problem: string, remedy: string) => new CommandFailed({ problem, remedy, exitCode: ExitCode.failed })

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be read by this user",
  EISDIR: "is a folder",
}

const unreadable = (path: string, error: unknown) => {
  const code = codeOf(error)
  return failed(`the file ${path} ${reasons[code] ?? `cannot be read (${code})`}`, "nothing was sent")
}

/**
 * Reads the files. `frameBytes`: the largest frame that the gateway takes. Fails before it reads a file if they do not fit
 * into it together, because the gateway would close the connection.
 */
export const read = Effect.fnUntraced(function* (paths: ReadonlyArray<string>, frameBytes: number) {
  let left = Math.floor(((frameBytes - REST_BYTES) * 3) / 4)
  const files: Array<AttachmentUpload> = []
  for (const path of paths) {
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (error) => unreadable(path, error) })
    const { size } = yield* attempt(() => Fs.stat(path))
    if (size > left) {
      const problem = `the file ${path} has ${size} bytes, and ${Math.max(0, left)} fit into the message`
      return yield* failed(problem, "send fewer or smaller files, use POST /api/send, or raise limits.frameBytes")
    }
    left -= size
    const data = yield* attempt(() => Fs.readFile(path))
    files.push({ name: Path.basename(path), data: data.toString("base64") })
  }
  return files
})
