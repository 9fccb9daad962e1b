/**
 * Envelope: reads and writes the envelopes of JSON-RPC 2.0 (https://www.jsonrpc.org/specification). Reading never
 * throws. JsonRpc.ts uses it for frames, Notifications.ts for notifications, and the default path to recognize
 * JSON-RPC.
 */
import { ID_CHARS, METHOD_CHARS } from "../../domain/Bounds.ts"
import { parseJson } from "../../domain/Text.ts"
import { isObject } from "../dialect/Json.ts"

export type Id = string | number | null

export interface Request {
  readonly _tag: "Request"
  /** `undefined` for a notification, which gets no response. */
  readonly id: Id | undefined
  readonly method: string
  /** `undefined` if the client leaves them out or sends null. */
  readonly params: unknown
}

export interface Invalid {
  readonly _tag: "Invalid"
  /** The id of the malformed request, or null if it has no valid id. */
  readonly id: Id
  readonly issue: string
}

/** A response, although the gateway sends no requests. It gets no response, because two such peers would never stop. */
export interface Response {
  readonly _tag: "Response"
  readonly id: undefined
}

export type Entry = Request | Invalid | Response

export interface Frame {
  readonly entries: ReadonlyArray<Entry>
  /** Whether the responses form one array. */
  readonly isBatch: boolean
}

/** The limit of calls in one batch. The gateway holds their responses until it has all of them. */
export const BATCH_CALLS = 100

/** Reads a frame. Returns `undefined` if it is not JSON. */
export const readFrame = (text: string): Frame | undefined => {
  let json: unknown
  try {
    json = parseJson(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(json)) return { entries: [readEntry(json)], isBatch: false }
  if (json.length === 0) return { entries: [invalid(null, "a batch must hold a request")], isBatch: false }
  if (json.length > BATCH_CALLS) {
    return { entries: [invalid(null, `a batch may hold ${BATCH_CALLS} requests`)], isBatch: false }
  }
  return { entries: json.map(readEntry), isBatch: true }
}

const response: Response = { _tag: "Response", id: undefined }

const invalid = (id: Id, issue: string): Invalid => ({ _tag: "Invalid", id, issue })

const readEntry = (json: unknown): Entry => {
  if (!isObject(json)) return invalid(null, "a request must be an object")
  const { id, jsonrpc, method, params } = json
  if (method === undefined && (Object.hasOwn(json, "result") || Object.hasOwn(json, "error"))) return response
  if (!isId(id))
    return invalid(null, `id must be a number that JSON keeps, or a text of ${ID_CHARS} characters at most`)
  if (jsonrpc !== "2.0") return invalid(id ?? null, 'jsonrpc must be "2.0"')
  if (typeof method !== "string") return invalid(id ?? null, "method must be a text")
  if (method.length > METHOD_CHARS) return invalid(id ?? null, `method is longer than ${METHOD_CHARS} characters`)
  return { _tag: "Request", id, method, params: params ?? undefined }
}

/**
 * Returns whether a response can carry the id unchanged. Clients "should not" send null and fractions, but these
 * survive. Integers beyond 2^53 and overflows do not.
 */
const isId = (id: unknown): id is Id | undefined => {
  if (typeof id === "number") return Number.isInteger(id) ? Number.isSafeInteger(id) : Number.isFinite(id)
  return typeof id === "string" ? id.length <= ID_CHARS : id === undefined || id === null
}

export const writeResult = (id: Id, result: unknown): string => JSON.stringify({ jsonrpc: "2.0", id, result })

export const writeError = (id: Id, error: JsonRpcError): string => JSON.stringify({ jsonrpc: "2.0", id, error })

export interface JsonRpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** Writes a notification. `params` is JSON text. */
export const writeNotification = (method: string, params: string): string =>
  `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`

/** Returns whether a frame is JSON-RPC, valid or not: an object with `jsonrpc`, or an array with such an object. */
export const isJsonRpc = (text: string): boolean => {
  if (!text.includes('"jsonrpc"')) return false
  try {
    const json: unknown = JSON.parse(text)
    return (Array.isArray(json) ? json : [json]).some((entry) => isObject(entry) && Object.hasOwn(entry, "jsonrpc"))
  } catch {
    return false
  }
}
