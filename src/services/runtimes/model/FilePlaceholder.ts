/**
 * FilePlaceholder: the part of a prompt that stands for a file of a message or of a tool's result until the request is sent.
 * It costs no memory, so that trimming may drop it. History, ToolRound, MessageFiles, Trimming and TokenEstimate use it.
 */
import * as Prompt from "effect/ai/Prompt"
import { type Attachment, describe } from "../../../domain/Attachment.ts"
import { isTextType } from "../../attachments/ContentType.ts"

const PROTOCOL = "attachment:"

/** The characters of a text file that a model reads. */
export const TEXT_CHARS = 65_536

/** Returns the placeholder of a file. */
export const placeholder = (attachment: Attachment): Prompt.FilePart =>
  Prompt.filePart({
    mediaType: attachment.type,
    fileName: attachment.name,
    data: new URL(`${PROTOCOL}${attachment.id}?${attachment.size}`),
  })

/**
 * Returns the result of a tool call, with placeholders for its files. A failed result describes them, because Anthropic
 * takes texts only there.
 */
export const resultPart = (
  { result, ...facts }: Pick<Prompt.ToolResultPart, "id" | "name" | "isFailure"> & { readonly result: string },
  files: ReadonlyArray<Attachment> = [],
): Prompt.ToolResultPart => {
  const isShown = files.length > 0 && !facts.isFailure
  return Prompt.toolResultPart({
    ...facts,
    result: isShown ? result : [result, ...files.map(describe)].join("\n"),
    ...(isShown && { modelOutput: [Prompt.textPart({ text: result }), ...files.map(placeholder)] }),
    providerExecuted: false,
  })
}

/** Returns the files of a result in a prompt. */
export const filesOf = ({ modelOutput = [] }: Prompt.ToolResultPart): ReadonlyArray<Attachment> =>
  modelOutput.flatMap((part) => attachmentOf(part) ?? [])

/** Returns the file of a placeholder, or `undefined` for another part. */
export const attachmentOf = (part: Prompt.Part): Attachment | undefined => {
  if (part.type !== "file" || !(part.data instanceof URL) || part.data.protocol !== PROTOCOL) return undefined
  const { pathname, search } = part.data
  return { id: pathname, name: part.fileName ?? "file", type: part.mediaType, size: Number(search.slice(1)) }
}

/** Returns the characters that a file adds to a prompt as a text, or `undefined` if it is no text. */
export const textCharsOf = (part: Prompt.FilePart): number | undefined => {
  const attachment = attachmentOf(part)
  return attachment !== undefined && isTextType(attachment.type) ? Math.min(attachment.size, TEXT_CHARS) : undefined
}
