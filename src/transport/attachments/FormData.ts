/**
 * FormData: reads a body in `multipart/form-data` that is already in memory, with a bound on its parts. MultipartSend.ts uses
 * it. Node parses it.
 */
import * as Effect from "effect/Effect"
import type { AttachmentUpload } from "../../domain/Attachment.ts"

/** A body as its texts and its files, in their order. */
export interface Form {
  readonly texts: ReadonlyArray<readonly [name: string, text: string]>
  readonly files: ReadonlyArray<AttachmentUpload>
}

/** RFC 2046 5.1.1 */
const BOUNDARY = /^"?([0-9A-Za-z'()+_,./:=? -]{1,70})"?$/

/** Returns the boundary of the content type, or `undefined` for another type. */
const boundaryOf = (contentType: string): string | undefined => {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim())
  if (type.toLowerCase() !== "multipart/form-data") return undefined
  const boundary = parameters.find((parameter) => parameter.toLowerCase().startsWith("boundary="))
  return BOUNDARY.exec(boundary?.slice("boundary=".length) ?? "")?.[1]
}

/** Returns the number of parts, counted up to `max` and one more. */
const partsOf = (body: Buffer, boundary: string, max: number): number => {
  const delimiter = `--${boundary}`
  let parts = -1
  for (let at = body.indexOf(delimiter); at !== -1 && parts <= max; at = body.indexOf(delimiter, at + 1)) parts++
  return parts
}

const toUpload = async (file: File): Promise<AttachmentUpload> => ({
  name: file.name,
  type: file.type,
  data: Buffer.from(await file.arrayBuffer()).toString("base64"),
})

/** Reads the form, or fails with the problem. */
export const read = (contentType: string, body: Buffer, maxParts: number): Effect.Effect<Form, string> => {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return Effect.fail("the body must be multipart/form-data with a boundary")
  if (partsOf(body, boundary, maxParts) > maxParts) return Effect.fail(`the form has more than ${maxParts} parts`)
  return Effect.tryPromise({
    try: async () => {
      const form = await new Response(body, { headers: { "content-type": contentType } }).formData()
      const texts: Array<readonly [string, string]> = []
      const files: Array<AttachmentUpload> = []
      for (const [name, value] of form) {
        if (typeof value === "string") texts.push([name, value])
        else files.push(await toUpload(value))
      }
      return { texts, files }
    },
    catch: () => "the body is not a valid form",
  })
}
