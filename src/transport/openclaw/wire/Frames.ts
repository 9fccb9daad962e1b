/**
 * Frames: reads requests and writes responses and events of the OpenClaw protocol. The functions are pure, and no text
 * makes them throw. OpenClaw.ts, the handshake and the events use it.
 */
import { ID_CHARS, METHOD_CHARS, NAME_CHARS } from "../../../domain/Bounds.ts"
import { parseJson, shortened } from "../../../domain/Text.ts"
import { frameEnd, payloadAt } from "../../connection/WebSocketFrames.ts"
import { isObject, type JsonObject } from "../../dialect/Json.ts"

/**
 * The form of a connection's frames. Control Center is a client of protocol 3 that expects `result` and `params` in place
 * of `payload`, and numbers as error codes. A frame never has both members: clients of protocol 3 drop frames with
 * unknown members.
 */
export type Flavor = 3 | 4 | "control-center"

export interface RequestFrame {
  readonly _tag: "Request"
  readonly id: string
  readonly method: string
  readonly params: unknown
  /** The W3C trace context of the client. */
  readonly traceparent: unknown
}

/** JSON that is not a request. */
export interface InvalidFrame {
  readonly _tag: "Invalid"
  /** `undefined` if the frame has no valid id. */
  readonly id: string | undefined
  readonly issue: string
}

/** A frame of a client. `Malformed` is not JSON. */
export type ClientFrame = RequestFrame | InvalidFrame | { readonly _tag: "Malformed" }

const members = new Set(["type", "id", "method", "params", "traceparent", "expectedProfileId"])

const longest = { id: ID_CHARS, method: METHOD_CHARS }

/** Returns the issues of a frame in the texts of the reference gateway's validator, which authors of clients look for. */
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
    // The request is only for this profile, and the gateway has no profiles.
    ...(frame["expectedProfileId"] == null ? [] : ["at /expectedProfileId: this gateway has no profiles"]),
    ...texts,
  ]
}

/** Reads a frame. With `strict`, a member that the protocol does not name is an issue. */
export const readFrame = (text: string, strict: boolean): ClientFrame => {
  let json: unknown
  try {
    json = parseJson(text)
  } catch {
    return { _tag: "Malformed" }
  }
  if (!isObject(json)) return { _tag: "Invalid", id: undefined, issue: "must be object" }
  const { id, method, params, traceparent } = json
  const issues = issuesOf(json, strict)
  if (issues.length > 0 || typeof id !== "string" || typeof method !== "string") {
    return {
      _tag: "Invalid",
      id: typeof id === "string" && id.length <= ID_CHARS ? id : undefined,
      issue: issues.join("; "),
    }
  }
  return { _tag: "Request", id, method, params, traceparent }
}

/** The id of a response to a frame without a valid id. */
export const NO_ID = "invalid"

export interface ErrorShape {
  readonly code: string
  readonly message: string
  readonly details?: JsonObject
  readonly retryable?: boolean
  readonly retryAfterMs?: number
}

/** The error codes of Control Center: HTTP statuses. */
const controlCenterCodes: { readonly [code: string]: number } = {
  INVALID_REQUEST: 400,
  NOT_PAIRED: 401,
  FORBIDDEN: 403,
  APPROVAL_NOT_FOUND: 404,
  UNAVAILABLE: 503,
}

/** Writes a response. `json` returns the value's JSON if it exists already. */
export const writeResult = (flavor: Flavor, id: string, value: unknown, json?: () => string): string => {
  if (value != null) return writeJson(flavor, id, json?.() ?? JSON.stringify(value))
  // Control Center takes a response without `result` for an error.
  if (flavor === "control-center") return writeJson(flavor, id, "{}")
  return value === null ? writeJson(flavor, id, "null") : `{"type":"res","id":${JSON.stringify(id)},"ok":true}`
}

/** Writes a response whose value is JSON already. */
export const writeJson = (flavor: Flavor, id: string, json: string): string =>
  `{"type":"res","id":${JSON.stringify(id)},"ok":true,"${flavor === "control-center" ? "result" : "payload"}":${json}}`

export const writeError = (flavor: Flavor, id: string, error: ErrorShape): string =>
  flavor === "control-center"
    ? JSON.stringify({ type: "res", id, ok: false, error: { ...error, code: controlCenterCodes[error.code] ?? 500 } })
    : JSON.stringify({ type: "res", id, ok: false, error })

const NUMBERED = '{"type":"event","seq":'

/**
 * The `seq` of an event differs between the copies of one frame. It is right-aligned in this many characters, because JSON
 * allows blanks there. All copies have the same length, and `numberEvents` overwrites bytes.
 */
const NUMBER_CHARS = 10

/** Writes the number right-aligned over the one of `writeEvent`, which has blanks before it. */
const writeNumber = (target: Buffer, offset: number, number: number): void => {
  let rest = number
  for (let at = offset + NUMBER_CHARS - 1; rest > 0; at--) {
    const tens = Math.floor(rest / 10)
    // Twice as fast as `%`.
    target[at] = 0x30 + (rest - 10 * tens)
    rest = tens
  }
}

/** Numbers the event frames between the offsets from `first` on, and returns the next number. */
export const numberEvents = (target: Buffer, start: number, end: number, first: number): number => {
  let number = first
  for (let offset = start; offset < end; offset = frameEnd(target, offset)) {
    writeNumber(target, payloadAt(target, offset) + NUMBERED.length, number++)
  }
  return number
}

const UNNUMBERED = "0".padStart(NUMBER_CHARS)

/**
 * Writes an event that many connections share. `numberEvents` fills in `seq`, the connection's own count, when a
 * connection sends the frame. `member` is the member for the data.
 */
export const writeEvent = (member: "payload" | "params", event: string, data: unknown): string =>
  `${NUMBERED}${UNNUMBERED},"event":${JSON.stringify(event)},"${member}":${JSON.stringify(data)}}`

/** Adds the event's position, for clients that resume. Other clients would drop a frame with this member. */
export const withPosition = (event: string, seq: number): string => `${event.slice(0, -1)},"position":${seq}}`

/** Additions of this gateway to `connect`. The reference gateway lists its own additions here too. */
const capabilities = ["resume"]

/** Writes the first frame of every connection. Its form is the same for all flavors. */
export const writeChallenge = (nonce: string, at: number): string =>
  JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce, ts: at, capabilities } })
