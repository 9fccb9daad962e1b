/**
 * MemoryFolder: the Markdown files of one folder as documents. Nothing outside the folder is read or written, whatever
 * an id or a symbolic link says. It knows no events: who watches and tells is Memory.ts.
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

/** Bytes that the longest document may take: three to a UTF-16 unit in UTF-8. A larger file is not even opened. */
const DOCUMENT_BYTES = DOCUMENT_CHARS * 3

const isDocumentId = Schema.is(DocumentId)

export const make = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
    Effect.mapError(
      (error) =>
        new StartupError({
          problem: `the memory folder ${folder} cannot be made (${error.reason._tag})`,
          remedy: "give this user the right to write there, or set GATEWAY_MEMORY_DIR",
        }),
    ),
  )

  const fileOf = (id: string) => path.join(folder, `${id}${EXTENSION}`)

  /** The document, if there is a regular file of that name which is truly in the folder. */
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
        // One name that leads nowhere, as a loop of links, does not hide the others.
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
    // It may have gone since it was found.
    const content = yield* fs.readFileString(fileOf(id)).pipe(missingIs(undefined), unavailable("read"))
    if (content === undefined) return yield* new DocumentNotFound({ id })
    if (content.length > DOCUMENT_CHARS) return yield* new DocumentTooLarge({ id, size })
    return { ...document.value, content }
  })

  /** A new document is for this user alone; one that is there keeps its mode, as others may share a folder by it. */
  const modeFor = (id: string) =>
    fs.stat(fileOf(id)).pipe(
      Effect.map(({ mode }) => mode & 0o777),
      Effect.orElseSucceed(() => 0o600),
    )

  /** Writes the document. Fails with `DocumentExists` if `create` is set and the document exists. */
  const write = Effect.fnUntraced(function* (id: string, content: string, create: boolean) {
    if (!isDocumentId(id)) return yield* refused("not the name of a document")
    if (content.length > DOCUMENT_CHARS) return yield* refused(`longer than ${DOCUMENT_CHARS} characters`)
    yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(unavailable("write"))
    const mode = yield* modeFor(id)
    yield* Effect.mapError(writeFile(fileOf(id), content, { create, mode }), (error) =>
      create && error.code === "EEXIST" ? new DocumentExists({ id }) : refused(error.message),
    )
    const document = yield* find(id).pipe(unavailable("write"))
    return Option.isSome(document) ? document.value : yield* refused("the file was gone again")
  })

  return { list, read, write, changes: fs.watch(folder) }
})

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

const refused = (detail: string) => new MemoryUnavailable({ operation: "write", detail })
