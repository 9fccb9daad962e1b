/**
 * Content: the contents of OpenAI messages, and the fields that both families of requests share. ChatCompletions.ts and
 * Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { AttachmentUpload } from "../../domain/Attachment.ts"
import { Id, NAME_CHARS } from "../../domain/Bounds.ts"
import { maybe } from "../dialect/Params.ts"
import type { Utterance } from "./Conversation.ts"
import { invalid } from "./Errors.ts"

const File = Schema.Struct({ file_data: maybe(Schema.String), filename: maybe(Schema.String) })

const Part = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  /** An address alone is the form of `/responses`, the object that of `/chat/completions`. */
  image_url: maybe(Schema.Union([Schema.String, Schema.Struct({ url: Schema.String })])),
  file: maybe(File),
  ...File.fields,
})
type Part = typeof Part.Type

export const Content = Schema.Union([Schema.String, Schema.Array(Part), Schema.Null])
export type Content = typeof Content.Type

export const Model = Schema.NonEmptyString
export const User = maybe(Schema.Union([Id, Schema.Literal("")]))

const textTypes = new Set(["text", "input_text", "output_text", "refusal"])

/** The characters before the content of a data URL. */
const HEAD_CHARS = 512

/** Returns the media type of a data URL in base64, or `undefined` for another text. */
const mediaTypeOf = (url: string): string | undefined => {
  const head = url.slice(0, HEAD_CHARS)
  const comma = head.indexOf(",")
  if (!head.startsWith("data:") || !head.slice(0, Math.max(0, comma)).endsWith(";base64")) return undefined
  return head.slice("data:".length, comma).split(";")[0]
}

/** Returns the file of a part, the problem with it, or `undefined` for a text. */
const fileOf = ({ file, file_data, filename, image_url, type }: Part): AttachmentUpload | string | undefined => {
  if (textTypes.has(type)) return undefined
  const isImage = type === "image_url" || type === "input_image"
  if (!isImage && type !== "file" && type !== "input_file") {
    return `content of the type "${type.slice(0, 40)}" is not supported: send text, images or files`
  }
  const data = isImage ? (typeof image_url === "string" ? image_url : image_url?.url) : (file_data ?? file?.file_data)
  const mediaType = mediaTypeOf(data ?? "")
  if (!data || mediaType === undefined) {
    return "the gateway reads no addresses and keeps no uploads: send the content as a data URL in base64"
  }
  const name = filename ?? file?.filename
  return {
    data,
    ...(mediaType !== "" && { type: mediaType.slice(0, NAME_CHARS) }),
    ...(name && { name: name.slice(0, NAME_CHARS) }),
  }
}

/** Returns the text and the files of a content, or fails with the response to one that the gateway does not take. */
export const readContent = Effect.fnUntraced(function* (
  content: Content | undefined,
  param: string,
): Effect.fn.Return<Pick<Utterance, "text" | "files">, HttpServerResponse> {
  if (typeof content === "string") return { text: content }
  const files: Array<AttachmentUpload> = []
  for (const part of content ?? []) {
    const file = fileOf(part)
    if (typeof file === "string") return yield* Effect.fail(invalid(param, file, "unsupported_content"))
    if (file !== undefined) files.push(file)
  }
  return { text: (content ?? []).map(({ text }) => text ?? "").join(""), ...(files.length > 0 && { files }) }
})

/** A field that the gateway cannot honour: the condition under which it refuses the request, and the next step. */
export interface Unsupported<Request> {
  readonly param: string
  readonly isGiven: (request: Request) => boolean
  readonly remedy: string
}

/** Whether a format asks for another answer than text. */
export const isOtherThanText = (format: unknown): boolean =>
  Predicate.isReadonlyObject(format) && format["type"] !== "text"

/** The fields that ask for something that agents do not do. The answer would not be what the client expects. */
export const checkSupport = <Request>(
  request: Request,
  unsupported: ReadonlyArray<Unsupported<Request>>,
): Effect.Effect<void, HttpServerResponse> => {
  const found = unsupported.find(({ isGiven }) => isGiven(request))
  return found === undefined
    ? Effect.void
    : Effect.fail(invalid(found.param, `"${found.param}" is not supported: ${found.remedy}`, "unsupported_parameter"))
}
