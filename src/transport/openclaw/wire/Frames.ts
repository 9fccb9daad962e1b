/**
 * Frames: requests, responses and events of the OpenClaw protocol, read and written. Total: no text makes it throw.
 * What a frame looks like depends on who reads it; it knows no method and no connection.
 */
import { ID_CHARS, METHOD_CHARS, NAME_CHARS } from "../../../domain/Bounds.ts"
import { parseJson, shortened } from "../../../domain/Text.ts"
import { frameEnd, payloadAt } from "../../connection/WebSocketFrames.ts"
import { isObject, type JsonObject } from "../../dialect/Json.ts"

/**
 * How a connection's frames are worded: protocol 3, protocol 4, or for Control Center, a client of protocol 3 that reads
 * `result` where all others read `payload`, `params` likewise, and numbers for error codes. Clients of the protocol-3 era
 * drop frames that have a member more, so nobody gets both.
 */
export type Flavor = 3 | 4 | "control-center"

export interface Request {
  readonly _tag: "Request"
  readonly id: string
  readonly method: string
  readonly params: unknown
}

/** JSON, but no request. */
export interface Invalid {
  readonly _tag: "Invalid"
  /** Of the request that it would have been, if it can be read. */
  readonly id: string | undefined
  readonly issue: string
}

export type Read = Request | Invalid | { readonly _tag: "Malformed" }

const members = new Set(["type", "id", "method", "params", "traceparent", "expectedProfileId"])

const longest = { id: ID_CHARS, method: METHOD_CHARS }

/** What is wrong with it, in the words of the reference gateway's validator; clients' authors look for them. */
const issuesOf = (frame: JsonObject, strict: boolean): ReadonlyArray<string> => {
  const missing = ["id", "method", "type"].find((member) => frame[member] === undefined)
  const texts = (["id", "method"] as const).flatMap((member) => {
    const value = frame[member]
    if (value === undefined) return []
    if (typeof value !== "string") return [`at /${member}: must be string`]
    if (value === "") return [`at /${member}: must not have fewer than 1 characters`]
    const max = longest[member]
    return value.length > max ? [`at /${member}: must not have more than ${max} characters`] : []
  })
  const foreign = strict ? Object.keys(frame).find((member) => !members.has(member)) : undefined
  return [
    ...(missing === undefined ? [] : [`must have required property '${missing}'`]),
    ...(foreign === undefined ? [] : [`at root: unexpected property '${shortened(foreign, NAME_CHARS)}'`]),
    ...(frame["type"] === undefined || frame["type"] === "req" ? [] : ["at /type: must be equal to constant"]),
    // A guard: the request counts only for that profile, and nobody has one here.
    ...(frame["expectedProfileId"] == null ? [] : ["at /expectedProfileId: this gateway has no profiles"]),
    ...texts,
  ]
}

/** `strict`: members that the protocol does not name are an error. */
export const readFrame = (text: string, strict: boolean): Read => {
  let json: unknown
  try {
    json = parseJson(text)
  } catch {
    return { _tag: "Malformed" }
  }
  if (!isObject(json)) return { _tag: "Invalid", id: undefined, issue: "must be object" }
  const { id, method, params } = json
  const issues = issuesOf(json, strict)
  if (issues.length > 0 || typeof id !== "string" || typeof method !== "string") {
    return {
      _tag: "Invalid",
      id: typeof id === "string" && id.length <= ID_CHARS ? id : undefined,
      issue: issues.join("; "),
    }
  }
  return { _tag: "Request", id, method, params }
}

/** The answer to what has no id of its own. */
export const NO_ID = "invalid"

export interface ErrorShape {
  readonly code: string
  readonly message: string
  readonly details?: JsonObject
  readonly retryable?: boolean
  readonly retryAfterMs?: number
}

/** As Control Center counts errors: by HTTP's numbers. */
const numbers: { readonly [code: string]: number } = {
  INVALID_REQUEST: 400,
  NOT_PAIRED: 401,
  FORBIDDEN: 403,
  APPROVAL_NOT_FOUND: 404,
  UNAVAILABLE: 503,
}

/** `json`: the value's, where somebody has made it already. */
export const writeResult = (era: Flavor, id: string, value: unknown, json?: () => string): string => {
  const head = `{"type":"res","id":${JSON.stringify(id)},"ok":true`
  const data = json?.() ?? JSON.stringify(value)
  // Without a result Control Center takes it for an error.
  if (era === "control-center") return `${head},"result":${value == null ? "{}" : data}}`
  return value === undefined ? `${head}}` : `${head},"payload":${data}}`
}

export const writeError = (era: Flavor, id: string, error: ErrorShape): string =>
  era === "control-center"
    ? JSON.stringify({ type: "res", id, ok: false, error: { ...error, code: numbers[error.code] ?? 500 } })
    : JSON.stringify({ type: "res", id, ok: false, error })

const NUMBERED = '{"type":"event","seq":'

/**
 * The `seq` of an event differs between the copies of one frame. It is right-aligned in this many characters, because JSON
 * allows blanks there: all copies have one length, and `numberEvents` overwrites bytes.
 */
const NUMBER_CHARS = 10

/** Writes the number right-aligned, with blanks before it. */
const writeNumber = (target: Buffer, offset: number, number: number): void => {
  let rest = number
  for (let i = offset + NUMBER_CHARS - 1; i >= offset; i--) {
    target[i] = rest > 0 ? 0x30 + (rest % 10) : 0x20
    rest = Math.floor(rest / 10)
  }
}

/** The `Stamp` of this wire: numbers the event frames between the offsets. */
export const numberEvents = (target: Buffer, start: number, end: number, first: number): number => {
  let number = first
  for (let offset = start; offset < end; offset = frameEnd(target, offset)) {
    writeNumber(target, payloadAt(target, offset) + NUMBERED.length, number++)
  }
  return number
}

const UNNUMBERED = "0".padStart(NUMBER_CHARS)

/**
 * An event. Its `seq` counts for each connection and is put in when the frame leaves, so that many connections share the
 * frame. `member`: where its reader looks for the data.
 */
export const writeEvent = (member: "payload" | "params", event: string, data: unknown): string =>
  `${NUMBERED}${UNNUMBERED},"event":${JSON.stringify(event)},"${member}":${JSON.stringify(data)}}`

/** The same event with its place among all, for clients that resume. Others would drop the frame for it. */
export const withPosition = (event: string, seq: number): string => `${event.slice(0, -1)},"position":${seq}}`

/** The first frame on every connection, before it is known who reads it: all eras read `type` and `event`. */
export const writeChallenge = (nonce: string, at: number): string =>
  JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce, ts: at } })
