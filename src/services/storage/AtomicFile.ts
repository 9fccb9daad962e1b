/**
 * AtomicFile: writes a file so that readers and a crash find either the old content or the whole new content. TokenFile,
 * GatewayKey, MemoryFolder and AttachmentFiles use it. WalSync flushes a folder.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"

export interface AtomicFileOptions {
  /** The permissions of the file. Left out: 0600. */
  readonly mode?: number
  /** Fails with `EEXIST` instead of replacing a file. */
  readonly create?: boolean
}

/**
 * Writes the content to a draft beside the file, flushes it to disk, and gives it the file's name: by a rename, or with
 * `create` by a link, which fails if the name exists. When it returns, content and name are on the disk. Fails with the error
 * of `node:fs` and leaves the file as it was.
 */
export const writeFile = Effect.fnUntraced(function* (
  file: string,
  content: string | Uint8Array,
  { create = false, mode = 0o600 }: AtomicFileOptions = {},
): Effect.fn.Return<void, NodeJS.ErrnoException> {
  const draft = Path.join(Path.dirname(file), `.${randomUUID()}.tmp`)
  yield* attempt(async () => {
    await Fs.writeFile(draft, content, { mode: 0o600, flag: "wx", flush: true })
    // By `chmod`, because `open` applies the umask.
    if (mode !== 0o600) await Fs.chmod(draft, mode)
    await (create ? Fs.link(draft, file) : Fs.rename(draft, file))
  }).pipe(Effect.ensuring(Effect.ignore(attempt(() => Fs.rm(draft, { force: true })))))
  yield* flushFolder(Path.dirname(file))
}, Effect.uninterruptible)

/** Flushes the folder, so that the names of its new files survive a power cut. Some systems cannot open folders. */
export const flushFolder = (folder: string): Effect.Effect<void> =>
  Effect.ignore(
    attempt(async () => {
      const handle = await Fs.open(folder)
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    }),
  )

const attempt = (run: () => Promise<void>) =>
  Effect.tryPromise({ try: run, catch: (error) => error as NodeJS.ErrnoException })
