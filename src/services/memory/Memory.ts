/**
 * The shared Markdown documents. It publishes an event for each change: at once if the gateway wrote the document or the
 * file system reports the change, else at the next comparison. MemoryFolder.ts reads and writes the files. The handlers of
 * `memory.*` use it, and so do programs that embed the gateway.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { difference, type Difference, isEmpty } from "../../domain/Difference.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
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
import { resolvePath, StateFolder } from "../storage/StateFolder.ts"
import { Tx, type Work } from "../storage/Tx.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"

export class Memory extends Context.Service<
  Memory,
  {
    /** All documents without their content, the most recently modified first. `size` is in bytes. */
    readonly list: Effect.Effect<ReadonlyArray<Document>, MemoryUnavailable>
    /**
     * Returns the document with its content. Fails with `DocumentTooLarge` above 1,048,576 characters, and with
     * `MemoryUnavailable` if the file system fails.
     */
    read(id: string): Effect.Effect<DocumentContent, DocumentNotFound | DocumentTooLarge | MemoryUnavailable>
    /**
     * Writes a document atomically: a reader sees the old or the new content. With `create`, it fails with
     * `DocumentExists` if the document exists. Fails with `LimitReached` above `limits.documents`, and with
     * `MemoryUnavailable` if the id or the content is invalid or the file system fails.
     */
    write(
      id: string,
      content: string,
      options?: { readonly create?: boolean | undefined },
    ): Effect.Effect<Document, DocumentExists | LimitReached | MemoryUnavailable>
  }
>()("causeway/services/memory/Memory") {
  /** The documents of `folder`. It creates the folder if necessary. */
  static readonly layerFolder = (
    folder: string,
  ): Layer.Layer<
    Memory,
    StartupError | StorageUnavailable,
    FileSystem.FileSystem | Path.Path | Events | GatewayConfig
  > =>
    Layer.effect(
      Memory,
      Effect.gen(function* () {
        const events = yield* Events
        const { limits, monitorIntervalMs } = yield* GatewayConfig
        const documents = yield* MemoryFolder.make(folder)
        let published = byId(yield* events.read(Effect.flatMap(Tx, ({ documents }) => documents.all)))
        /** Without this lock, a write between listing and publishing would publish an older state after a newer one. */
        const exclusively = Semaphore.withPermit(yield* Semaphore.make(1))

        /** `written` counts as changed even if size and time are equal, because file times have a limited resolution. */
        const publish = Effect.fnUntraced(function* (found: ReadonlyMap<string, Document>, written?: string) {
          const changes = difference(published, found, (before, now) => now.id !== written && same(before, now))
          if (isEmpty(changes)) return
          yield* events.commit(store(changes))
          published = found
        })

        const compare = documents.list.pipe(
          Effect.flatMap((found) => publish(byId(found))),
          exclusively,
        )
        const watched = documents.changes.pipe(
          Stream.debounce("50 millis"),
          Stream.catchCause(() => Stream.empty),
        )
        yield* Stream.merge(watched, Stream.tick(monitorIntervalMs)).pipe(
          Stream.runForEach(() =>
            Effect.catch(compare, (error) => Effect.logWarning("Cannot compare the memory folder", error)),
          ),
          Effect.annotateLogs("source", "memory"),
          Effect.forkScoped,
        )

        const write = Effect.fn("Memory.write")(function* (
          id: string,
          content: string,
          options: { readonly create?: boolean | undefined } = {},
        ) {
          if (!published.has(id) && published.size >= limits.documents) {
            return yield* LimitReached.of("documents", limits.documents)
          }
          // An interruption between the two would delay the event. If the commit fails, the next comparison publishes it.
          return yield* documents.write(id, content, options.create === true).pipe(
            Effect.tap((document) => Effect.ignore(publish(new Map([...published, [id, document]]), id))),
            Effect.uninterruptible,
          )
        }, exclusively)

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

/** The database stores the published documents, so a start publishes the changes during the downtime. */
const byId = (documents: ReadonlyArray<Document>): ReadonlyMap<string, Document> =>
  new Map(documents.map((document) => [document.id, document]))

/** Stores the published documents. */
const store = ({ added, changed, removed }: Difference<Document>): Work<void> =>
  Effect.gen(function* () {
    const { documents } = yield* Tx
    yield* documents.put([...added, ...changed])
    yield* documents.remove(removed)
    const events: ReadonlyArray<KeptEvent> = [
      ...added.map((document): KeptEvent => ({ _tag: "MemoryChanged", document, isNew: true })),
      ...changed.map((document): KeptEvent => ({ _tag: "MemoryChanged", document, isNew: false })),
      ...removed.map((id): KeptEvent => ({ _tag: "MemoryRemoved", id })),
    ]
    return [undefined, events]
  })
