/**
 * JSON-RPC 2.0 envelopes, read and written (https://www.jsonrpc.org/specification): what a frame asks, and what is
 * wrong with one that asks nothing. Total: no text makes it throw. It knows no method.
 */
import { ID_CHARS, METHOD_CHARS } from "../../domain/Bounds.ts"
import { parseJson } from "../../domain/Text.ts"
import { isObject } from "../dialect/Json.ts"

export type Id = string | number | null

export interface Request {
  readonly _tag: "Request"
  /** Undefined: a notification, to which nothing is answered. */
  readonly id: Id | undefined
  readonly method: string
  /** Undefined: left out, or null. */
  readonly params: unknown
}

export interface Invalid {
  readonly _tag: "Invalid"
  /** Of the request that it would have been, where that can be read. */
  readonly id: Id
  readonly issue: string
}

/** An answer, though the gateway asks nothing. It is not answered: two such sides would never stop. */
export interface Answer {
  readonly _tag: "Answer"
  readonly id: undefined
}

export type Entry = Request | Invalid | Answer

export interface Frame {
  readonly entries: ReadonlyArray<Entry>
  /** Whether the answers are one array. */
  readonly isBatch: boolean
}

/** Calls in one batch, whose answers are held until all are there. */
export const BATCH_CALLS = 100

/** Undefined: not JSON. */
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

const answer: Answer = { _tag: "Answer", id: undefined }

const invalid = (id: Id, issue: string): Invalid => ({ _tag: "Invalid", id, issue })

const readEntry = (json: unknown): Entry => {
  if (!isObject(json)) return invalid(null, "a request must be an object")
  const { id, jsonrpc, method, params } = json
  if (method === undefined && (Object.hasOwn(json, "result") || Object.hasOwn(json, "error"))) return answer
  if (!isId(id))
    return invalid(null, `id must be a number that JSON keeps, or a text of ${ID_CHARS} characters at most`)
  if (jsonrpc !== "2.0") return invalid(id ?? null, 'jsonrpc must be "2.0"')
  if (typeof method !== "string") return invalid(id ?? null, "method must be a text")
  if (method.length > METHOD_CHARS) return invalid(id ?? null, `method is longer than ${METHOD_CHARS} characters`)
  return { _tag: "Request", id, method, params: params ?? undefined }
}

/**
 * Null and fractions are what a client "should not" send; they can be given back all the same. An integer beyond 2^53
 * or an overflow could not.
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

/** `params`: JSON already. */
export const writeNotification = (method: string, params: string): string =>
  `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`

/** Whether a frame is meant as JSON-RPC, right or wrong: an object with `jsonrpc`, or an array with such an object. */
export const isJsonRpc = (text: string): boolean => {
  if (!text.includes('"jsonrpc"')) return false
  try {
    const json: unknown = JSON.parse(text)
    return (Array.isArray(json) ? json : [json]).some((entry) => isObject(entry) && Object.hasOwn(entry, "jsonrpc"))
  } catch {
    return false
  }
}
