/**
 * Puts the files of messages and of tool results into a prompt in place of their placeholders, before each request: the
 * file itself if the model reads it, or a text that describes it. ModelRun.ts uses it.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import { type Attachment, describe } from "../../../domain/Attachment.ts"
import type { ModelInput } from "../../../domain/Model.ts"
import type { Attachments } from "../../attachments/Attachments.ts"
import { isTextType } from "../../attachments/ContentType.ts"
import { attachmentOf, filesOf, TEXT_CHARS } from "./FilePlaceholder.ts"

/** The formats that all providers accept. */
const IMAGE_TYPES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

/** Anthropic accepts 5 MB in base64. */
const IMAGE_BYTES = 3_750_000

const PDF_BYTES = 10_000_000

/** The pictures and documents of one prompt, and their bytes. The newest ones count. */
const MAX_FILES = 10
const MAX_BYTES = 20_000_000

/** How a model gets a file. */
type Form = "text" | "file" | "description"

const formOf = ({ size, type }: Attachment, input: ReadonlyArray<ModelInput>): Form => {
  if (isTextType(type)) return "text"
  const isRead =
    (input.includes("image") && IMAGE_TYPES.has(type) && size <= IMAGE_BYTES) ||
    (input.includes("pdf") && type === "application/pdf" && size <= PDF_BYTES)
  return isRead ? "file" : "description"
}

const isPlaceholder = (part: Prompt.Part): boolean => attachmentOf(part) !== undefined

const hasPlaceholder = (part: Prompt.Part): boolean => part.type === "tool-result" && filesOf(part).length > 0

const textPart = (text: string) => Prompt.textPart({ text })

/** Makes the function that replaces the placeholders of a run's prompts. It remembers the files of the last prompt. */
export const make = (read: Attachments["Service"]["read"]) => {
  const cache = new Map<string, Uint8Array | undefined>()

  /** A file that cannot be read does not fail the run. */
  const bytesOf = (id: string): Effect.Effect<Uint8Array | undefined> =>
    cache.has(id)
      ? Effect.succeed(cache.get(id))
      : read(id).pipe(
          Effect.catch((error) => Effect.as(Effect.logWarning("Cannot read an attachment", error), undefined)),
          Effect.tap((bytes) => Effect.sync(() => cache.set(id, bytes))),
        )

  const partOf = Effect.fnUntraced(function* (attachment: Attachment, form: Form) {
    if (form === "description") return textPart(`${describe(attachment)} You cannot see its content.`)
    const bytes = yield* bytesOf(attachment.id)
    if (bytes === undefined) return textPart(`${describe(attachment)} The gateway no longer has it.`)
    const { name, type } = attachment
    if (form === "file") return Prompt.filePart({ mediaType: type, fileName: name, data: bytes })
    const rest = bytes.byteLength > TEXT_CHARS ? "\n[The rest of the file is left out here.]" : ""
    const text = new TextDecoder().decode(bytes.subarray(0, TEXT_CHARS))
    return textPart(`${describe(attachment)}\n<file>\n${text}${rest}\n</file>`)
  })

  return Effect.fnUntraced(function* (messages: ReadonlyArray<Prompt.Message>, input: ReadonlyArray<ModelInput> = []) {
    const used = new Set<string>()
    let files = 0
    let bytes = 0
    const formFor = (attachment: Attachment): Form => {
      const form = formOf(attachment, input)
      if (form === "text") used.add(attachment.id)
      if (form !== "file") return form
      if (files >= MAX_FILES || bytes + attachment.size > MAX_BYTES) return "description"
      files++
      used.add(attachment.id)
      bytes += attachment.size
      return form
    }
    const fill = <P extends Prompt.Part>(part: P): Effect.Effect<P | Prompt.TextPart | Prompt.FilePart> => {
      const attachment = attachmentOf(part)
      return attachment === undefined ? Effect.succeed(part) : partOf(attachment, formFor(attachment))
    }
    const fillResult = <P extends Prompt.Part>(part: P): Effect.Effect<P | Prompt.ToolResultPart> =>
      part.type === "tool-result" && part.modelOutput !== undefined
        ? Effect.map(Effect.forEach(part.modelOutput, fill), (modelOutput) =>
            Prompt.toolResultPart({ ...part, modelOutput }),
          )
        : Effect.succeed(part)
    const filled: Array<Prompt.Message> = []
    for (const message of messages.toReversed()) {
      if (message.role === "user" && message.content.some(isPlaceholder)) {
        filled.push(Prompt.userMessage({ ...message, content: yield* Effect.forEach(message.content, fill) }))
      } else if (message.role === "tool" && message.content.some(hasPlaceholder)) {
        filled.push(Prompt.toolMessage({ ...message, content: yield* Effect.forEach(message.content, fillResult) }))
      } else filled.push(message)
    }
    for (const id of cache.keys()) if (!used.has(id)) cache.delete(id)
    return filled.toReversed()
  })
}
