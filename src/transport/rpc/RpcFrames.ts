/**
 * The frames of effect/rpc's JSON protocol, read and written without a socket: what came is a message, or a problem
 * said in the protocol's own words. Total: no text makes it throw. It knows no method and no connection.
 */
import * as Schema from "effect/Schema"
import type { FromClientEncoded, FromServerEncoded, RequestEncoded } from "effect/rpc/RpcMessage"
import { ID_CHARS, METHOD_CHARS } from "../../domain/Bounds.ts"
import { Refusal } from "../../domain/Refusal.ts"
import { cut, parseJson } from "../../domain/Text.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import { isDeeperThan } from "../connection/JsonDepth.ts"
import { isObject } from "../dialect/Json.ts"

type Id = string | number

/** What cannot be taken for a message. `requestId`: the request that it would have been, to be answered by name. */
export interface Problem {
  readonly _tag: "Problem"
  readonly requestId: Id | undefined
  readonly problem: string
}

export type Inbound = FromClientEncoded | Problem

const problem = (text: string, requestId?: Id): Problem => ({ _tag: "Problem", requestId, problem: text })

/** Of one frame: each may need an answer. */
const MAX_MESSAGES = 1_024

/** A frame holds one message or an array of them. */
export const readFrame = (text: string, depthLimit: number): ReadonlyArray<Inbound> => {
  if (isDeeperThan(depthLimit, text)) return [problem(`the frame nests deeper than ${depthLimit}`)]
  let json: unknown
  try {
    json = parseJson(text)
  } catch {
    return [problem("the frame is not JSON")]
  }
  if (!Array.isArray(json)) return [readMessage(json)]
  return json.length > MAX_MESSAGES
    ? [problem(`the frame has more than ${MAX_MESSAGES} messages`)]
    : json.map(readMessage)
}

/** An integer beyond 2^53 or an overflow would be answered by another id, or by none. */
const isId = (id: unknown): id is Id =>
  typeof id === "number"
    ? Number.isFinite(id) && (Number.isSafeInteger(id) || !Number.isInteger(id))
    : typeof id === "string" && id.length <= ID_CHARS

const isHeaders = (headers: unknown): headers is RequestEncoded["headers"] =>
  Array.isArray(headers) &&
  headers.every(
    (pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && typeof pair[1] === "string",
  )

const none: RequestEncoded["headers"] = []

/**
 * Copies what a call needs and nothing else. `discard` and `isNotification` are left out: RpcServer counts no such call
 * as in flight, so they run as ordinary calls, and are answered when they are done.
 */
const readMessage = (json: unknown): Inbound => {
  if (!isObject(json)) return problem("a message must be an object")
  const { _tag, requestId } = json
  switch (_tag) {
    case "Request": {
      const { headers = none, id, payload, tag } = json
      if (!isId(id))
        return problem(`a request's id must be a number that JSON keeps, or a text of ${ID_CHARS} characters at most`)
      if (typeof tag !== "string" || tag.length > METHOD_CHARS) {
        return problem(`a request's tag must be the name of a method, ${METHOD_CHARS} characters at most`, id)
      }
      if (!isHeaders(headers)) return problem("a request's headers must be pairs of texts", id)
      return { _tag, id, tag, payload, headers }
    }
    case "Ack":
    case "Interrupt":
      return isId(requestId) ? { _tag, requestId } : problem(`${_tag} must name the request by requestId`)
    case "Ping":
    case "Eof":
      return { _tag }
    default:
      return problem("a message's _tag must be Request, Ack, Interrupt, Ping or Eof")
  }
}

const encodeRefusal = Schema.encodeSync(Schema.toCodecJson(Refusal))

const write = (message: FromServerEncoded): string => JSON.stringify(message)

export const success = (requestId: Id, value: unknown): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Success", value } })

/** Values of a stream as JSON. `requestId`: as JSON, too. */
export const chunk = (requestId: string, values: ReadonlyArray<string>): string =>
  `{"_tag":"Chunk","requestId":${requestId},"values":[${values.join()}]}`

export const refusal = (requestId: Id, error: Refusal): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: encodeRefusal(error) }] } })

export const failure = (requestId: Id, defect: string): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause: [{ _tag: "Die", defect }] } })

/** What is wrong with a frame that is no request: the protocol has no other form for it. */
export const complaint = ({ problem, requestId }: Problem): string =>
  requestId === undefined ? write({ _tag: "Defect", defect: problem }) : failure(requestId, problem)

/** Whole and shared: the same for every ping of every connection. */
export const pong: Buffer = textFrame(write({ _tag: "Pong" }))

/** The event position of a stream's value, where it carries one. */
export const seqOf = (value: unknown): number | undefined =>
  typeof value === "object" && value !== null && "seq" in value && typeof value.seq === "number" ? value.seq : undefined

/** Longer texts of a failure repeat what the client has sent. */
const DEFECT_CHARS = 1_000

const withoutDetail = (defect: unknown): string =>
  typeof defect === "string" ? cut(defect, DEFECT_CHARS) : "internal error"

/** A defect of a handler is a bug, and its text is for the log: what clients see says no more than that there was one. */
export const withoutDefects = (response: FromServerEncoded): FromServerEncoded => {
  if (response._tag === "Defect") return { ...response, defect: withoutDetail(response.defect) }
  if (response._tag !== "Exit" || response.exit._tag !== "Failure") return response
  const cause = response.exit.cause.map((reason) =>
    reason._tag === "Die" ? { ...reason, defect: withoutDetail(reason.defect) } : reason,
  )
  return { ...response, exit: { ...response.exit, cause } }
}
