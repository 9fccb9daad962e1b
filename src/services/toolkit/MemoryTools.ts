/**
 * The tools `memory_search`, `memory_read` and `memory_write`, for the documents that agents share. Toolkit.ts adds them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS, NAME_CHARS, nonEmptyText, text } from "../../domain/Bounds.ts"
import { errorSentence } from "../../domain/ErrorSentence.ts"
import { DocumentId } from "../../domain/Memory.ts"
import { cut } from "../../domain/Text.ts"
import { Memory } from "../memory/Memory.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { Tools } from "../tools/Tools.ts"
import * as DocumentSearch from "./DocumentSearch.ts"
import { denied, mayRead, mayWrite } from "./Rights.ts"

/** Characters of one answer of `memory_read`. */
const PAGE_CHARS = 16_000

/** The newest documents that a search reads. */
const SEARCHED_DOCUMENTS = 500

/** Bytes of the documents that a search reads. */
const SEARCHED_BYTES = 16_777_216

const FOUND_DOCUMENTS = 10

const problem = ({ _tag }: { readonly _tag: string }) =>
  new AgentTool.ToolFailed({ message: `${errorSentence(_tag)}. Call memory_search for the ids of documents.` })

const search = Effect.map(Memory, (memory) =>
  AgentTool.make({
    name: "memory_search",
    description:
      "Finds documents of the shared memory that contain words, with the lines that contain them. Without words it lists the newest documents.",
    source: "gateway",
    parameters: Schema.Struct({ words: text(NAME_CHARS) }),
    success: Schema.Struct({ documents: Schema.Array(DocumentSearch.Found) }),
    handle: Effect.fnUntraced(function* ({ words }) {
      if (!mayRead(yield* AgentTool.CurrentToolCall)) return yield* denied("read the memory", "operator.read")
      const all = yield* Effect.mapError(memory.list, problem)
      const wanted = DocumentSearch.wordsOf(words)
      const found: Array<DocumentSearch.Match> = []
      let bytes = 0
      for (const { id, size } of all.slice(0, SEARCHED_DOCUMENTS)) {
        bytes += size
        if (bytes > SEARCHED_BYTES) break
        if (wanted.length === 0) {
          found.push(DocumentSearch.match(id, "", wanted)!)
          continue
        }
        // A document that was removed meanwhile, or is too large, is not found.
        const document = yield* Effect.orElseSucceed(memory.read(id), () => undefined)
        const match = document && DocumentSearch.match(id, document.content, wanted)
        if (match !== undefined) found.push(match)
        yield* Effect.yieldNow
      }
      return { documents: DocumentSearch.best(found, FOUND_DOCUMENTS) }
    }),
  }),
)

const read = Effect.map(Memory, (memory) =>
  AgentTool.make({
    name: "memory_read",
    description: "Returns a document of the shared memory. A long document comes in parts: go on with `offset`.",
    source: "gateway",
    parameters: Schema.Struct({
      id: DocumentId,
      offset: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: DOCUMENT_CHARS }))),
    }),
    success: Schema.Struct({
      content: Schema.String,
      /** Left out: the document ends here. */
      nextOffset: Schema.optionalKey(Schema.Int),
    }),
    handle: Effect.fnUntraced(function* ({ id, offset = 0 }) {
      if (!mayRead(yield* AgentTool.CurrentToolCall)) return yield* denied("read the memory", "operator.read")
      const document = yield* Effect.mapError(memory.read(id), problem)
      const content = cut(document.content.slice(offset), PAGE_CHARS)
      const nextOffset = offset + content.length
      return { content, ...(nextOffset < document.content.length && { nextOffset }) }
    }),
  }),
)

const write = Effect.map(Memory, (memory) =>
  AgentTool.make({
    name: "memory_write",
    description:
      "Creates or replaces a document of the shared memory, as Markdown. Read a document first if you want to keep a part of it.",
    source: "gateway",
    // Documents get into the prompts of other agents and of later conversations.
    permission: "ask",
    parameters: Schema.Struct({
      id: DocumentId,
      content: nonEmptyText(DOCUMENT_CHARS),
      create: Schema.optionalKey(Schema.Boolean).annotateKey({ description: "True: fail if the document exists." }),
    }),
    success: Schema.Struct({ id: Schema.String, bytes: Schema.Int }),
    handle: Effect.fnUntraced(function* ({ content, create, id }) {
      if (!mayWrite(yield* AgentTool.CurrentToolCall)) return yield* denied("write the memory", "operator.write")
      const { size } = yield* Effect.mapError(memory.write(id, content.toWellFormed(), { create }), problem)
      return { id, bytes: size }
    }),
  }),
)

export const layer: Layer.Layer<never, never, Memory | Tools> = Layer.unwrap(
  Effect.map(Effect.all([search, read, write]), ([search, read, write]) =>
    Layer.mergeAll(Tools.add(search), Tools.add(read), Tools.add(write)),
  ),
)
