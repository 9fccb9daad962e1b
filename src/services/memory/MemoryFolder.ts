/**
 * Reads and writes the Markdown files of one folder as documents. It never leaves the folder, not by an id and not by a
 * symbolic link. Memory.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS } from "../../domain/Bounds.ts"
import {
  type Document,
  DocumentExists,
  DocumentId,
  DocumentNotFound,
  DocumentTooLarge,
  MemoryUnavailable,
} from "../../domain/Memory.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { writeFile } from "../storage/AtomicFile.ts"

const EXTENSION = ".md"

/** The bytes of the longest document: a UTF-16 unit takes at most three in UTF-8. Larger files are not opened. */
const DOCUMENT_BYTES = DOCUMENT_CHARS * 3

const isDocumentId = Schema.is(DocumentId)

export const make = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
    Effect.mapError(
      (error) =>
        new StartupError({
          problem: `cannot create the memory folder ${folder} (${error.reason._tag})`,
          remedy: "give this user the right to write there, or set GATEWAY_MEMORY_DIR",
        }),
    ),
  )

  const fileOf = (id: string) => path.join(folder, `${id}${EXTENSION}`)

  /** Returns the document if its file is a regular file in the folder, also through links. */
  const find = Effect.fnUntraced(function* (id: string) {
    if (!isDocumentId(id)) return Option.none<Document>()
    const [home, real] = yield* Effect.all([fs.realPath(folder), fs.realPath(fileOf(id))])
    if (!real.startsWith(home + path.sep)) return Option.none<Document>()
    const info = yield* fs.stat(real)
    if (info.type !== "File") return Option.none<Document>()
    const modifiedAt = Option.match(info.mtime, { onNone: () => 0, onSome: (time) => time.getTime() })
    return Option.some<Document>({ id, size: Number(info.size), modifiedAt })
  }, missingIs(Option.none<Document>()))

  const list = fs.readDirectory(folder).pipe(
    missingIs([]),
    Effect.flatMap((names) =>
      Effect.forEach(
        names.filter((name) => name.endsWith(EXTENSION)),
        // A broken link or a loop of links does not hide the other documents.
        (name) => Effect.orElseSucceed(find(name.slice(0, -EXTENSION.length)), () => Option.none<Document>()),
        { concurrency: 8 },
      ),
    ),
    Effect.map((found) => found.flatMap(Option.toArray)),
    unavailable("list"),
  )

  const read = Effect.fnUntraced(function* (id: string) {
    const document = yield* find(id).pipe(unavailable("read"))
    if (Option.isNone(document)) return yield* new DocumentNotFound({ id })
    const { size } = document.value
    if (size > DOCUMENT_BYTES) return yield* new DocumentTooLarge({ id, size })
    // Another program may have removed the file since `find`.
    const content = yield* fs.readFileString(fileOf(id)).pipe(missingIs(undefined), unavailable("read"))
    if (content === undefined) return yield* new DocumentNotFound({ id })
    if (content.length > DOCUMENT_CHARS) return yield* new DocumentTooLarge({ id, size })
    return { ...document.value, content }
  })

  /** Returns the file mode: 0600 for a new document, else the present mode, because users may share a document. */
  const modeFor = (id: string) =>
    fs.stat(fileOf(id)).pipe(
      Effect.map(({ mode }) => mode & 0o777),
      Effect.orElseSucceed(() => 0o600),
    )

  /** Writes the document. Fails with `DocumentExists` if `create` is set and the document exists. */
  const write = Effect.fnUntraced(function* (id: string, content: string, create: boolean) {
    if (!isDocumentId(id)) return yield* writeFailed("not the name of a document")
    if (content.length > DOCUMENT_CHARS) return yield* writeFailed(`longer than ${DOCUMENT_CHARS} characters`)
    yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(unavailable("write"))
    const mode = yield* modeFor(id)
    yield* Effect.mapError(writeFile(fileOf(id), content, { create, mode }), (error) =>
      create && error.code === "EEXIST" ? new DocumentExists({ id }) : writeFailed(error.message),
    )
    const document = yield* find(id).pipe(unavailable("write"))
    return Option.isSome(document) ? document.value : yield* writeFailed("another program removed the file")
  })

  return { list, read, write, changes: fs.watch(folder) }
})

/** Returns the fallback if the file does not exist. */
const missingIs =
  <B>(fallback: B) =>
  <A, R>(effect: Effect.Effect<A, PlatformError, R>): Effect.Effect<A | B, PlatformError, R> =>
    Effect.catchIf(
      effect,
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeed(fallback),
    )

type Operation = MemoryUnavailable["operation"]

const unavailableAs = (operation: Operation) => (error: PlatformError) =>
  Effect.fail(new MemoryUnavailable({ operation, detail: error.message }))

const unavailable =
  (operation: Operation) =>
  <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
    Effect.catch(effect, unavailableAs(operation))

const writeFailed = (detail: string) => new MemoryUnavailable({ operation: "write", detail })
