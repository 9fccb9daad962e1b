/**
 * MessagesIn: decodes the messages of Mission Control clients. Decoding never throws: a malformed message becomes
 * `Invalid`, with the error text for the client. MissionControl.ts uses it, and Routes.ts uses the limit of history.
 */
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS, SECRET_CHARS } from "../../domain/Bounds.ts"
import { Position } from "../../domain/Event.ts"
import { DocumentId } from "../../domain/Memory.ts"
import { cut, parseJson } from "../../domain/Text.ts"
import { isObject, type JsonObject } from "../dialect/Json.ts"

export const channels = ["sessions", "memory", "logs", "files", "tasks", "memories"] as const
export type Channel = (typeof channels)[number]

export type ClientMessage =
  | { readonly _tag: "Authenticate"; readonly token: string | undefined }
  | {
      readonly _tag: "Subscribe"
      readonly channels: ReadonlyArray<Channel>
      /** The requested names that are not channels. */
      readonly unknown: ReadonlyArray<string>
      readonly after: Position | undefined
    }
  | { readonly _tag: "Unsubscribe"; readonly channels: ReadonlyArray<Channel> }
  /** A call of a method of Methods.ts. `type` is the type of the answer. */
  | { readonly _tag: "Request"; readonly method: string; readonly type: string; readonly params: JsonObject }
  /** Not a JSON object. */
  | { readonly _tag: "Unreadable" }
  | { readonly _tag: "Invalid"; readonly problem: string }
  /** A request to write a file with invalid fields. `type` is the type of the answer. */
  | { readonly _tag: "InvalidWrite"; readonly type: string; readonly date: string | null; readonly problem: string }

const requestOf = (type: string, params: JsonObject = {}, method = type): ClientMessage => ({
  _tag: "Request",
  method,
  type,
  params,
})

const invalid = (problem: string): ClientMessage => ({ _tag: "Invalid", problem })

const HISTORY = 50
const HISTORY_MAX = 1_000
/** Error texts repeat at most so many characters of a name, and so many unknown names. */
const NAME_CHARS = 100
const UNKNOWN_MAX = 16

/** Returns a name of the client for an error text, shortened. */
const shown = (name: unknown): string =>
  cut(typeof name === "string" ? name : (JSON.stringify(name) ?? "undefined"), NAME_CHARS)

const isChannel = (name: unknown): name is Channel => channels.some((channel) => channel === name)

const isPosition = Schema.is(Position)
const isDate = Schema.is(DocumentId)

const parse = (frame: string): JsonObject | undefined => {
  try {
    const json: unknown = parseJson(frame)
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

const subscribe = ({ after, channels }: JsonObject): ClientMessage => {
  if (!Array.isArray(channels)) return invalid("channels must be an array")
  return {
    _tag: "Subscribe",
    channels: [...new Set(channels.filter(isChannel))],
    unknown: [
      ...new Set(
        channels
          .filter((name) => !isChannel(name))
          .slice(0, UNKNOWN_MAX)
          .map(shown),
      ),
    ],
    after: isPosition(after) ? after : undefined,
  }
}

/** Returns the limit of messages. The default replaces everything but a positive number, as in the original server. */
export const historyLimit = (limit: unknown): number =>
  typeof limit === "number" && limit >= 1 ? Math.min(HISTORY_MAX, Math.floor(limit)) : HISTORY

const request = ({ date, limit, resource, sessionKey }: JsonObject): ClientMessage => {
  switch (resource) {
    case "sessions":
    case "memory":
    case "logs":
    case "status":
    case "files":
    case "tasks":
    case "memories":
      return requestOf(resource)
    case "session_history":
      if (typeof sessionKey !== "string") return invalid("sessionKey must be a string")
      return requestOf(resource, { sessionKey, limit: historyLimit(limit) })
    case "file":
      if (typeof date !== "string") return invalid("date must be a string")
      if (!isDate(date)) return invalid("Invalid date")
      return requestOf(resource, { date })
    default:
      return invalid(`Unknown resource: ${shown(resource)}`)
  }
}

/** Decodes a request to write a file. `name` is the client's name for `text`: `content` or `template`. */
const write = (method: string, type: string, { date }: JsonObject, text: unknown, name: string): ClientMessage => {
  const invalidWrite = (problem: string): ClientMessage => ({
    _tag: "InvalidWrite",
    type,
    date: typeof date === "string" ? shown(date) : null,
    problem,
  })
  if (typeof date !== "string") return invalidWrite("date must be a string")
  if (!isDate(date)) return invalidWrite("Invalid date")
  if (typeof text !== "string") return invalidWrite(`${name} must be a string`)
  if (text.length > DOCUMENT_CHARS) return invalidWrite(`${name} is longer than ${DOCUMENT_CHARS} characters`)
  return requestOf(type, { date, [name]: text }, method)
}

/** Decodes a frame. */
export const readMessage = (frame: string): ClientMessage => {
  const message = parse(frame)
  if (message === undefined) return { _tag: "Unreadable" }
  const { channels, content, template, token, type } = message
  switch (type) {
    case "authenticate":
      if (typeof token !== "string") return { _tag: "Authenticate", token: undefined }
      if (token.length > SECRET_CHARS) return invalid(`token is longer than ${SECRET_CHARS} characters`)
      return { _tag: "Authenticate", token }
    case "subscribe":
      return subscribe(message)
    case "unsubscribe":
      return { _tag: "Unsubscribe", channels: Array.isArray(channels) ? [...new Set(channels.filter(isChannel))] : [] }
    case "request":
      return request(message)
    case "ping":
      return requestOf("pong", {}, "ping")
    case "write_file":
      return write(type, "write_complete", message, content, "content")
    case "create_file":
      return write(type, "create_complete", message, template ?? "", "template")
    default:
      return invalid(`Unknown message type: ${shown(type)}`)
  }
}
