/**
 * Attachments: keeps the files that belong to messages, once for each content, and reads them. The rows are in the
 * database; the bytes are files in the state folder. Runs keeps the files of messages, the runtimes read them, and
 * AttachmentSweep removes those that nothing uses.
 *
 * A file is on the disk before the commit that refers to it. While that commit is under way, the file is *held*: nothing
 * removes it. A commit that fails leaves no file behind, and the sweep removes the files that a crash leaves.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AttachedFile, Attachment, AttachmentRefused } from "../../domain/Attachment.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import { StateFolder } from "../storage/StateFolder.ts"
import { Tx } from "../storage/Tx.ts"
import { check, checkCount, checkSizes, refusedNote, toAttachment, type Upload } from "./AttachmentCheck.ts"
import { type AttachmentFiles, attachmentFiles, isId } from "./AttachmentFiles.ts"

/** Returns the references of the files that are kept, and a note for each refused one. */
export type KeepSome = (
  uploads: ReadonlyArray<Upload>,
) => Effect.Effect<
  { readonly attachments: ReadonlyArray<Attachment>; readonly notes: ReadonlyArray<string> },
  StorageUnavailable
>

export class Attachments extends Context.Service<
  Attachments,
  {
    /**
     * Checks the files, writes them, and runs `use` with their references, in the order of the files. `use` commits a
     * message with them; if it commits none, the files are removed again. Fails with `AttachmentRefused` before anything
     * is written. Without files it runs `use` at once.
     */
    keep<A, E>(
      uploads: ReadonlyArray<Upload>,
      use: (attachments: ReadonlyArray<Attachment>) => Effect.Effect<A, E>,
    ): Effect.Effect<A, E | AttachmentRefused | StorageUnavailable>
    /**
     * Makes a function that keeps the files of a message which an agent writes. It may be called several times. A refused
     * file leaves a note in its place. Commit the message before the scope closes; the other files are then removed again.
     */
    readonly keeper: Effect.Effect<KeepSome, never, Scope.Scope>
    /** Returns a page of the files of a session's messages, newest message first. `next`: `before` of the next page. */
    list(
      sessionKey: string,
      page: { readonly runId?: string | undefined; readonly before?: number | undefined; readonly limit: number },
    ): Effect.Effect<
      { readonly attachments: ReadonlyArray<AttachedFile>; readonly next: number | null },
      StorageUnavailable
    >
    /** Returns the bytes of the content, or `undefined` if the gateway does not have it. */
    sizeOf(id: string): Effect.Effect<number | undefined, StorageUnavailable>
    /** Returns the content, or `undefined` if the gateway does not have it. */
    read(id: string): Effect.Effect<Uint8Array | undefined, StorageUnavailable>
    /** Returns the absolute path of the file of an attachment, which may be gone. Never change the file. */
    readonly pathOf: (id: string) => string
    /** The files, for the sweep. */
    readonly files: AttachmentFiles
    /**
     * Removes the files that `choose` returns, and returns their ids. Leaves a file that a message has held since `choose`
     * began, because its answer may be older than that message.
     */
    remove<E>(choose: Effect.Effect<ReadonlyArray<string>, E>): Effect.Effect<ReadonlyArray<string>, E>
  }
>()("causeway/services/attachments/Attachments") {
  static readonly layer: Layer.Layer<Attachments, never, Events | GatewayConfig | StateFolder> = Layer.effect(
    Attachments,
    Effect.suspend(() => make),
  )
}

/** The files that messages hold which are about to be committed, with the number of these messages. */
class HeldFiles {
  readonly #counts = new Map<string, number>()
  readonly #watchers = new Set<Set<string>>()

  hold(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
    this.#tell(id)
  }

  release(id: string): void {
    const left = (this.#counts.get(id) ?? 0) - 1
    if (left > 0) this.#counts.set(id, left)
    else this.#counts.delete(id)
    this.#tell(id)
  }

  /** Runs `use` with a test whether a file is held, or was at some time since then. */
  watching<A, E>(use: (wasHeld: (id: string) => boolean) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const seen = new Set<string>()
      this.#watchers.add(seen)
      return Effect.ensuring(
        use((id) => this.#counts.has(id) || seen.has(id)),
        Effect.sync(() => this.#watchers.delete(seen)),
      )
    })
  }

  #tell(id: string): void {
    for (const seen of this.#watchers) seen.add(id)
  }
}

/** After every message. */
const END = Number.MAX_SAFE_INTEGER

const make = Effect.gen(function* () {
  const { attachments: limits } = yield* GatewayConfig
  const events = yield* Events
  const { attachmentsDir } = yield* StateFolder
  const files = attachmentFiles(attachmentsDir)
  const held = new HeldFiles()

  const remove = <E>(choose: Effect.Effect<ReadonlyArray<string>, E>) =>
    held.watching((wasHeld) =>
      Effect.map(choose, (ids) => {
        const free = ids.filter((id) => !wasHeld(id))
        for (const id of free) files.removeUnsafe(id)
        return free
      }),
    )

  const unknownOf = (ids: ReadonlyArray<string>) =>
    Effect.map(events.read(Effect.flatMap(Tx, ({ attachments }) => attachments.known(ids))), (known) =>
      ids.filter((id) => !known.includes(id)),
    )

  /** Removes the files that no row names. A failure leaves them to the sweep. */
  const removeUnknown = (ids: ReadonlyArray<string>) =>
    ids.length === 0 ? Effect.void : Effect.ignoreCause(remove(unknownOf(ids)))

  /**
   * Makes the function that decodes, hashes and writes a file, and holds it until the scope closes. Other work gets its
   * turn before each file.
   */
  const writer = Effect.gen(function* () {
    const written: Array<string> = []
    let isClosed = false
    yield* Effect.addFinalizer(() => {
      isClosed = true
      for (const id of written) held.release(id)
      return removeUnknown(written)
    })
    return Effect.fnUntraced(function* (upload: Upload, index: number) {
      yield* Effect.yieldNow
      // A runtime that does not stop may go on after its run.
      if (isClosed) return yield* Effect.interrupt
      const checked = yield* Effect.fromResult(check(upload, index, limits))
      const attachment = toAttachment(checked)
      held.hold(attachment.id)
      written.push(attachment.id)
      yield* files.write(attachment.id, checked.bytes)
      return attachment
    })
  })

  const keep = Effect.fnUntraced(function* <A, E>(
    uploads: ReadonlyArray<Upload>,
    use: (attachments: ReadonlyArray<Attachment>) => Effect.Effect<A, E>,
  ) {
    const refused = checkSizes(uploads, limits)
    if (refused !== undefined) return yield* refused
    return yield* use(yield* Effect.forEach(uploads, yield* writer))
  }, Effect.scoped)

  const keeper = Effect.map(writer, (write): KeepSome => {
    let count = 0
    return Effect.fnUntraced(function* (uploads) {
      const attachments: Array<Attachment> = []
      const notes: Array<string> = []
      const excess = checkCount(count + uploads.length, limits)
      for (const upload of uploads.slice(0, Math.max(0, limits.perMessage - count))) {
        yield* Effect.matchEffect(write(upload, count++), {
          onSuccess: (attachment) => Effect.sync(() => attachments.push(attachment)),
          onFailure: (error) =>
            error._tag === "AttachmentRefused" ? Effect.sync(() => notes.push(refusedNote(error))) : Effect.fail(error),
        })
      }
      if (excess !== undefined) notes.push(refusedNote(excess))
      return { attachments, notes }
    })
  })

  const list = Effect.fn("Attachments.list")(function* (
    sessionKey: string,
    {
      before = END,
      limit,
      runId,
    }: { readonly runId?: string | undefined; readonly before?: number | undefined; readonly limit: number },
  ) {
    const page = { runId, before, limit: limit + 1 }
    const found = yield* events.read(Effect.flatMap(Tx, (tx) => tx.attachments.ofSession(sessionKey, page)))
    const messages = [...new Set(found.map(({ messageId }) => messageId))]
    const last = messages.length > limit ? messages[limit - 1]! : null
    return { attachments: last === null ? found : found.filter(({ messageId }) => messageId >= last), next: last }
  })

  return Attachments.of({
    list,
    sizeOf: (id) => (isId(id) ? files.sizeOf(id) : Effect.undefined),
    keep: (uploads, use) => (uploads.length === 0 ? use([]) : keep(uploads, use)),
    keeper,
    read: (id) => (isId(id) ? files.read(id) : Effect.undefined),
    pathOf: files.pathOf,
    files,
    remove,
  })
})
