/**
 * Memory: the shared Markdown documents, and everybody told when one changes: at once where the gateway wrote it or the
 * file system reports it, else at the next comparison. Which files count and how they are written is MemoryFolder.ts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { DatabaseSync } from "node:sqlite"
import { difference, type Difference, isEmpty } from "../../domain/Difference.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import {
  Document,
  type DocumentContent,
  type DocumentExists,
  type DocumentNotFound,
  type DocumentTooLarge,
  type MemoryUnavailable,
} from "../../domain/Memory.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { Events } from "../events/Events.ts"
import * as MemoryFolder from "./MemoryFolder.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { resolvePath, StateFolder } from "../storage/StateFolder.ts"

export class Memory extends Context.Service<
  Memory,
  {
    /** Newest first. */
    readonly list: Effect.Effect<ReadonlyArray<Document>, MemoryUnavailable>
    read(id: string): Effect.Effect<DocumentContent, DocumentNotFound | DocumentTooLarge | MemoryUnavailable>
    /** Atomic: a reader sees the document before or after, never half of it. */
    write(
      id: string,
      content: string,
      options?: { readonly create?: boolean | undefined },
    ): Effect.Effect<Document, DocumentExists | LimitReached | MemoryUnavailable>
  }
>()("causeway/services/memory/Memory") {
  /** The documents of `folder`, which is made if it is missing. */
  static readonly layerFolder = (
    folder: string,
  ): Layer.Layer<Memory, StartupError, FileSystem.FileSystem | Path.Path | Events | GatewayConfig | Sqlite> =>
    Layer.effect(
      Memory,
      Effect.gen(function* () {
        const { db } = yield* Sqlite
        const events = yield* Events
        const { limits, monitorIntervalMs } = yield* GatewayConfig
        const documents = yield* MemoryFolder.make(folder)
        let told = lastTold(db)
        /** Between looking and telling nobody else writes: what is told is never older than what was told before. */
        const alone = Semaphore.withPermit(yield* Semaphore.make(1))

        /** `written`: told as changed even where size and time say nothing, as file systems tick in milliseconds. */
        const tell = Effect.fnUntraced(function* (found: ReadonlyMap<string, Document>, written?: string) {
          const news = difference(told, found, (before, now) => now.id !== written && same(before, now))
          if (isEmpty(news)) return
          yield* events.commit((db) => [undefined, remember(db, news)])
          told = found
        })

        const look = documents.list.pipe(
          Effect.flatMap((found) => tell(new Map(found.map((document) => [document.id, document])))),
          alone,
        )
        const watched = documents.changes.pipe(
          Stream.debounce("50 millis"),
          Stream.catchCause(() => Stream.empty),
        )
        yield* Stream.merge(watched, Stream.tick(monitorIntervalMs)).pipe(
          Stream.runForEach(() => Effect.catch(look, (error) => Effect.logWarning("The memory folder", error))),
          Effect.annotateLogs("source", "memory"),
          Effect.forkScoped,
        )

        const write = Effect.fn("Memory.write")(function* (
          id: string,
          content: string,
          options: { readonly create?: boolean | undefined } = {},
        ) {
          if (!told.has(id) && told.size >= limits.documents) {
            return yield* LimitReached.of("documents", limits.documents)
          }
          const document = yield* documents.write(id, content, options.create === true)
          // The document is written, whether or not it can be told now: if not, the next comparison tells it.
          yield* Effect.ignore(tell(new Map([...told, [id, document]]), id))
          return document
        }, alone)

        return Memory.of({
          list: Effect.map(documents.list, (found) =>
            found.toSorted((a, b) => b.modifiedAt - a.modifiedAt || (a.id < b.id ? -1 : 1)),
          ),
          read: Effect.fn("Memory.read")(documents.read),
          write,
        })
      }),
    )

  static readonly layer = Layer.unwrap(
    Effect.gen(function* () {
      const { memoryDir } = yield* GatewayConfig
      const state = yield* StateFolder
      return Memory.layerFolder(memoryDir === undefined ? state.memoryDir : resolvePath(memoryDir))
    }),
  )
}

const same = Schema.toEquivalence(Document)

const decodeRows = Schema.decodeUnknownSync(Schema.Array(Document))

/** Kept in the database, so that what changes while the gateway is down is told by its next start. */
const lastTold = (db: DatabaseSync): ReadonlyMap<string, Document> =>
  new Map(
    decodeRows(db.prepare("SELECT id, size, modified_at AS modifiedAt FROM documents").all()).map((document) => [
      document.id,
      document,
    ]),
  )

const remember = (db: DatabaseSync, { added, changed, removed }: Difference<Document>): ReadonlyArray<KeptEvent> => {
  const put = db.prepare("INSERT OR REPLACE INTO documents (id, size, modified_at) VALUES (?, ?, ?)")
  const forget = db.prepare("DELETE FROM documents WHERE id = ?")
  for (const { id, size, modifiedAt } of [...added, ...changed]) put.run(id, size, modifiedAt)
  for (const id of removed) forget.run(id)
  return [
    ...added.map((document): KeptEvent => ({ _tag: "MemoryChanged", document, isNew: true })),
    ...changed.map((document): KeptEvent => ({ _tag: "MemoryChanged", document, isNew: false })),
    ...removed.map((id): KeptEvent => ({ _tag: "MemoryRemoved", id })),
  ]
}
