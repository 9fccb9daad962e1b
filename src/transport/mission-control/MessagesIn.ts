/**
 * What a Mission Control client says, read from the text of a frame. Total: what means nothing is `Wrong`, with the
 * words that the client is told. It knows nothing of who is speaking and what was said before.
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
      /** Names of no channel. */
      readonly unknown: ReadonlyArray<string>
      readonly after: Position | undefined
    }
  | { readonly _tag: "Unsubscribe"; readonly channels: ReadonlyArray<Channel> }
  /** A method of Methods.ts, with what it takes. `type`: of the answer. */
  | { readonly _tag: "Request"; readonly method: string; readonly type: string; readonly params: JsonObject }
  /** Not a JSON object. */
  | { readonly _tag: "Unreadable" }
  | { readonly _tag: "Wrong"; readonly problem: string }
  /** A file that cannot be written as asked. */
  | { readonly _tag: "Refused"; readonly type: string; readonly date: string | null; readonly problem: string }

const requested = (type: string, params: JsonObject = {}, method = type): ClientMessage => ({
  _tag: "Request",
  method,
  type,
  params,
})

const wrong = (problem: string): ClientMessage => ({ _tag: "Wrong", problem })

const HISTORY = 50
const HISTORY_MAX = 1_000
const NAME_CHARS = 100
const UNKNOWN_MAX = 16

/** A name as the client gave it, to be told that there is no such thing. */
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
  if (!Array.isArray(channels)) return wrong("channels must be an array")
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

/** As the first such server had it: what is no number, or no number of messages, is the default. */
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
      return requested(resource)
    case "session_history":
      if (typeof sessionKey !== "string") return wrong("sessionKey must be a string")
      return requested(resource, { sessionKey, limit: historyLimit(limit) })
    case "file":
      if (typeof date !== "string") return wrong("date must be a string")
      if (!isDate(date)) return wrong("Invalid date")
      return requested(resource, { date })
    default:
      return wrong(`Unknown resource: ${shown(resource)}`)
  }
}

/** `text` is named as the client names it: `content` or `template`. */
const write = (method: string, type: string, { date }: JsonObject, text: unknown, name: string): ClientMessage => {
  const refused = (problem: string): ClientMessage => ({
    _tag: "Refused",
    type,
    date: typeof date === "string" ? shown(date) : null,
    problem,
  })
  if (typeof date !== "string") return refused("date must be a string")
  if (!isDate(date)) return refused("Invalid date")
  if (typeof text !== "string") return refused(`${name} must be a string`)
  if (text.length > DOCUMENT_CHARS) return refused(`${name} is longer than ${DOCUMENT_CHARS} characters`)
  return requested(type, { date, [name]: text }, method)
}

export const readMessage = (frame: string): ClientMessage => {
  const message = parse(frame)
  if (message === undefined) return { _tag: "Unreadable" }
  const { channels, content, template, token, type } = message
  switch (type) {
    case "authenticate":
      if (typeof token !== "string") return { _tag: "Authenticate", token: undefined }
      if (token.length > SECRET_CHARS) return wrong(`token is longer than ${SECRET_CHARS} characters`)
      return { _tag: "Authenticate", token }
    case "subscribe":
      return subscribe(message)
    case "unsubscribe":
      return { _tag: "Unsubscribe", channels: Array.isArray(channels) ? [...new Set(channels.filter(isChannel))] : [] }
    case "request":
      return request(message)
    case "ping":
      return requested("pong", {}, "ping")
    case "write_file":
      return write(type, "write_complete", message, content, "content")
    case "create_file":
      return write(type, "create_complete", message, template ?? "", "template")
    default:
      return wrong(`Unknown message type: ${shown(type)}`)
  }
}
