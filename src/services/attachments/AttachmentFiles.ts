/**
 * The files of attachments in the state folder: `<first two characters of the id>/<id>`. Attachments uses it.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { StorageUnavailable } from "../../domain/Storage.ts"
import * as AtomicFile from "../storage/AtomicFile.ts"

const ID = /^[0-9a-f]{64}$/

/** Returns whether the text is the id of an attachment, so that it leads to no other file. */
export const isId = (id: string): boolean => ID.test(id)

type FileError = NodeJS.ErrnoException

const isMissing = ({ code }: FileError): boolean => code === "ENOENT"

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, FileError> =>
  Effect.tryPromise({ try: run, catch: (error) => error as FileError })

const unavailable = ({ code, message }: FileError) =>
  new StorageUnavailable({ detail: `the folder of attachments: ${code ?? message}` })

export const attachmentFiles = (root: string) => {
  const folderOf = (id: string): string => Path.join(root, id.slice(0, 2))
  const pathOf = (id: string): string => Path.join(folderOf(id), id)

  const list = (folder: string): Effect.Effect<ReadonlyArray<string>, StorageUnavailable> =>
    Effect.catch(
      attempt(() => Fs.promises.readdir(folder)),
      (error) => (isMissing(error) || error.code === "ENOTDIR" ? Effect.succeed([]) : Effect.fail(unavailable(error))),
    )

  const exists = (id: string): Effect.Effect<boolean> => Effect.isSuccess(attempt(() => Fs.promises.access(pathOf(id))))

  return {
    pathOf,
    exists,
    /** Writes the file unless it exists. When it returns, the file is on the disk. */
    write: (id: string, bytes: Uint8Array): Effect.Effect<void, StorageUnavailable> =>
      Effect.gen(function* () {
        if (yield* exists(id)) return
        yield* attempt(() => Fs.promises.mkdir(folderOf(id), { recursive: true, mode: 0o700 }))
        yield* AtomicFile.writeFile(pathOf(id), bytes)
      }).pipe(Effect.mapError(unavailable)),
    /** Returns the bytes of the file, or `undefined` if there is no such file. */
    sizeOf: (id: string): Effect.Effect<number | undefined, StorageUnavailable> =>
      Effect.catch(
        attempt<number | undefined>(async () => (await Fs.promises.stat(pathOf(id))).size),
        (error) => (isMissing(error) ? Effect.undefined : Effect.fail(unavailable(error))),
      ),
    /** Returns `undefined` if there is no such file. */
    read: (id: string): Effect.Effect<Uint8Array | undefined, StorageUnavailable> =>
      Effect.catch(
        attempt<Uint8Array | undefined>(() => Fs.promises.readFile(pathOf(id))),
        (error) => (isMissing(error) ? Effect.undefined : Effect.fail(unavailable(error))),
      ),
    /** Removes the file at once, so that no write of the same file can come in between. */
    removeUnsafe: (id: string): void => Fs.rmSync(pathOf(id), { force: true }),
    /** The names of the folders that hold files. */
    folders: Effect.map(list(root), (names) => names.filter((name) => /^[0-9a-f]{2}$/.test(name))),
    /** Returns the ids of the files in a folder. */
    idsIn: (folder: string) => Effect.map(list(Path.join(root, folder)), (names) => names.filter(isId)),
    /** Removes the drafts in a folder that were written before the time: a crash has left them. */
    removeDrafts: (folder: string, before: number): Effect.Effect<void> =>
      Effect.ignore(
        attempt(async () => {
          for (const name of await Fs.promises.readdir(Path.join(root, folder))) {
            const path = Path.join(root, folder, name)
            if (name.endsWith(".tmp") && (await Fs.promises.stat(path)).mtimeMs < before) await Fs.promises.rm(path)
          }
        }),
      ),
  }
}

export type AttachmentFiles = ReturnType<typeof attachmentFiles>
