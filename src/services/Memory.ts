/**
 * Memory: the Markdown files of one folder, listed, read, written and watched. It trusts no id: a document never
 * leaves the folder.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type {
  Document,
  DocumentContent,
  DocumentExists,
  DocumentNotFound,
  DocumentTooLarge,
  MemoryUnavailable,
} from "../domain/Memory.ts"

export class Memory extends Context.Service<
  Memory,
  {
    readonly list: Effect.Effect<ReadonlyArray<Document>, MemoryUnavailable>
    read(id: string): Effect.Effect<DocumentContent, DocumentNotFound | DocumentTooLarge | MemoryUnavailable>
    write(
      id: string,
      content: string,
      options?: { readonly create?: boolean | undefined },
    ): Effect.Effect<Document, DocumentExists | MemoryUnavailable>
  }
>()("causeway/services/Memory") {}
