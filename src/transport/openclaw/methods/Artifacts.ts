/**
 * Artifacts: the files of messages, as OpenClaw's clients send, list and download them. `uploadsOf` reads the attachments of
 * the methods that send; ChatMessages.ts uses the blocks. The methods are `artifacts.*` and `chat.message.get`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  type AttachedFile,
  type Attachment,
  AttachmentRefused,
  type AttachmentUpload,
  isImage,
  READ_BYTES,
  UPLOAD_NAME_CHARS,
} from "../../../domain/Attachment.ts"
import { NAME_CHARS, PAGE_ROWS } from "../../../domain/Bounds.ts"
import { cut as cutText } from "../../../domain/Text.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { isObject, type JsonObject } from "../../dialect/Json.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { call, catchError, fail, type Query } from "../../dialect/Query.ts"
import { cursor, id, invalid, key, name, number } from "../wire/Params.ts"
import { cut, kindOf, messagesOf } from "./ChatMessages.ts"
import type { Row } from "./MethodTable.ts"
import { canonicalKey } from "./SessionKeys.ts"

const textIn = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** Reads an attachment in one of its two forms: with `content`, or with a `source` as Anthropic's API has it. */
const uploadOf = (attachment: unknown, index: number): Query<AttachmentUpload> => {
  const file: JsonObject = isObject(attachment) ? attachment : {}
  const source: JsonObject = isObject(file["source"]) ? file["source"] : {}
  const fileName = textIn(file["fileName"])
  const data = file["content"] ?? source["data"]
  if (typeof data !== "string") {
    const label = fileName === undefined ? String(index + 1) : JSON.stringify(cutText(fileName, NAME_CHARS))
    const message = `attachment ${label}: content must be base64 string`
    const refused = { name: fileName ?? label, problem: "base64", size: null, limit: null, message } as const
    return fail({ _tag: "Domain", error: { ...new AttachmentRefused(refused), _tag: "AttachmentRefused", message } })
  }
  const type = textIn(file["mimeType"]) ?? textIn(source["media_type"])
  return Effect.succeed({
    data,
    ...(fileName !== undefined && { name: cutText(fileName, UPLOAD_NAME_CHARS) }),
    ...(type !== undefined && { type: cutText(type, NAME_CHARS) }),
  })
}

/** Returns the files of a message for `chat.send`. */
export const uploadsOf = (attachments: ReadonlyArray<unknown> | null | undefined) =>
  Effect.forEach(attachments ?? [], uploadOf)

/** Returns the message's text and files for `chat.send`, or fails if there is neither. */
export const contentOf = Effect.fnUntraced(function* (
  message: string | null | undefined,
  attachments: ReadonlyArray<unknown> | null | undefined,
) {
  const uploads = yield* uploadsOf(attachments)
  if (!hasText(message) && uploads.length === 0) return yield* invalid("message is required")
  return { text: hasText(message) ? message : "", ...(uploads.length > 0 && { attachments: uploads }) }
})

/** Returns a file as lists show it. */
const summaryOf = ({ attachment, messageId, runId }: AttachedFile, sessionKey: string) => ({
  id: attachment.id,
  type: isImage(attachment) ? "image" : kindOf(attachment),
  title: attachment.name,
  mimeType: attachment.type,
  sizeBytes: attachment.size,
  sessionKey,
  ...(runId !== null && { runId }),
  messageSeq: messageId,
  download: { mode: attachment.size > READ_BYTES ? "url" : "bytes" },
})

const Target = Schema.Struct({ sessionKey: key, runId: id, taskId: id, agentId: name })

const sessionOf = ({ agentId, runId, sessionKey, taskId }: typeof Target.Type): Query<string> => {
  if (hasText(sessionKey)) return Effect.succeed(canonicalKey(sessionKey, agentId))
  if (hasText(runId)) return Effect.map(call("runs.wait", { runId, timeoutMs: 0 }), (run) => run.sessionKey)
  return invalid(hasText(taskId) ? "this gateway has no tasks: give a sessionKey or a runId" : "sessionKey is required")
}

/** Returns the files of a session or of a run, newest first, each file once. */
const filesOf = Effect.fnUntraced(function* (target: typeof Target.Type) {
  const sessionKey = yield* sessionOf(target)
  const page = { sessionKey, limit: PAGE_ROWS, ...given({ runId: trimmed(target.runId) }) }
  const { attachments } = yield* call("attachments.list", page)
  const files = new Map<string, AttachedFile>()
  for (const file of attachments) if (!files.has(file.attachment.id)) files.set(file.attachment.id, file)
  return { sessionKey, files }
})

const list = dialectMethod(Target, (target) =>
  Effect.map(filesOf(target), ({ files, sessionKey }) => ({
    artifacts: Array.from(files.values(), (file) => summaryOf(file, sessionKey)),
  })),
)

const One = Schema.Struct({ ...Target.fields, artifactId: cursor })

const find = Effect.fnUntraced(function* ({ artifactId, ...target }: typeof One.Type) {
  const { files, sessionKey } = yield* filesOf(target)
  const file = files.get(artifactId ?? "")
  return file === undefined
    ? yield* invalid(`artifact not found: ${artifactId ?? ""}`)
    : { attachment: file.attachment, artifact: summaryOf(file, sessionKey) }
})

const get = dialectMethod(One, (params) => Effect.map(find(params), ({ artifact }) => ({ artifact })))

/** Returns the content of a file, or a link to one that is too large for an answer. */
const contentFor = ({ id, name }: Attachment): Query<object> => {
  const content = Effect.map(call("attachments.read", { id }), ({ data }) => ({ encoding: "base64", data }))
  const link = () =>
    Effect.map(call("attachments.link", { id, name }), ({ expiresAt, url }) => ({
      url,
      expiresAt: new Date(expiresAt).toISOString(),
    }))
  return catchError<object, object>(content, "AttachmentTooLarge", link)
}

const download = dialectMethod(One, (params) =>
  Effect.gen(function* () {
    const { artifact, attachment } = yield* find(params)
    return { artifact, ...(yield* contentFor(attachment)) }
  }),
)

/** Ids of views begin with the id of their message: `12`, `12-call`. */
const messageIdOf = (viewId: string): number => Number.parseInt(viewId, 10)

const messageGet = dialectMethod(
  Schema.Struct({ sessionKey: key, agentId: name, messageId: id, maxChars: number }),
  ({ agentId, maxChars, messageId, sessionKey }): Query<object> => {
    if (!hasText(sessionKey)) return invalid("sessionKey is required")
    if (!hasText(messageId)) return invalid("messageId is required")
    const notFound = { ok: false, unavailableReason: "not_found" }
    const number = messageIdOf(messageId)
    if (!Number.isSafeInteger(number)) return Effect.succeed(notFound)
    const page = call("sessions.history", {
      key: canonicalKey(sessionKey, agentId),
      limit: 1,
      before: number + 1,
    })
    const found = Effect.map(page, ({ messages: [message] }) => {
      if (message === undefined || message.id !== number) return notFound
      const views = messagesOf(cut(message, maxChars ?? Number.POSITIVE_INFINITY))
      const view = views.find((view) => isObject(view["__openclaw"]) && view["__openclaw"]["id"] === messageId)
      return view === undefined ? notFound : { ok: true, message: view }
    })
    return catchError(found, "SessionNotFound", () => Effect.succeed(notFound))
  },
)

export const artifactMethods: ReadonlyArray<Row> = [
  ["artifacts.list", "operator.read", list],
  ["artifacts.get", "operator.read", get],
  ["artifacts.download", "operator.read", download],
  ["chat.message.get", "operator.read", messageGet],
]
