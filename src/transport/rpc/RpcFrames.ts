/**
 * RpcFrames: decodes and encodes the frames of effect/rpc's JSON protocol. Decoding never throws: a malformed message
 * becomes a `Problem`. RpcSession.ts and RpcWire.ts use it.
 */
import * as Schema from "effect/Schema"
import type { FromClientEncoded, FromServerEncoded, RequestEncoded } from "effect/rpc/RpcMessage"
import { ID_CHARS, METHOD_CHARS } from "../../domain/Bounds.ts"
import { Refusal } from "../../domain/Refusal.ts"
import { cut, parseJson } from "../../domain/Text.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import { shapeProblem, shapeProblems } from "../connection/JsonShape.ts"
import { isObject } from "../dialect/Json.ts"

type Id = string | number

/** A malformed message. `requestId` is the id of a malformed request, if it has a valid one. */
export interface Problem {
  readonly _tag: "Problem"
  readonly requestId: Id | undefined
  readonly problem: string
}

export type Inbound = FromClientEncoded | Problem

const problem = (text: string, requestId?: Id): Problem => ({ _tag: "Problem", requestId, problem: text })

/** The limit of messages in one frame. Each may need an answer. */
const MAX_MESSAGES = 1_024

/** Decodes a frame, which holds one message or an array of messages. */
export const readFrame = (text: string, depthLimit: number): ReadonlyArray<Inbound> => {
  const shape = shapeProblem(depthLimit, text)
  if (shape !== undefined) {
    return [problem(shape === "too-deep" ? `the frame nests deeper than ${depthLimit}` : shapeProblems[shape])]
  }
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

/** Returns whether an answer can carry the id unchanged. Integers beyond 2^53 and overflows do not survive. */
const isId = (id: unknown): id is Id =>
  typeof id === "number"
    ? Number.isFinite(id) && (Number.isSafeInteger(id) || !Number.isInteger(id))
    : typeof id === "string" && id.length <= ID_CHARS

const isHeaders = (headers: unknown): headers is RequestEncoded["headers"] =>
  Array.isArray(headers) &&
  headers.every(
    (pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && typeof pair[1] === "string",
  )

const noHeaders: RequestEncoded["headers"] = []

/**
 * Decodes a message and keeps only the fields that a call needs. It drops `discard` and `isNotification`, because
 * RpcServer does not count such calls as in flight. They run as ordinary calls and get an answer.
 */
const readMessage = (json: unknown): Inbound => {
  if (!isObject(json)) return problem("a message must be an object")
  const { _tag, requestId } = json
  switch (_tag) {
    case "Request": {
      const { headers = noHeaders, id, payload, sampled = true, spanId, tag, traceId } = json
      if (!isId(id))
        return problem(`a request's id must be a number that JSON keeps, or a text of ${ID_CHARS} characters at most`)
      if (typeof tag !== "string" || tag.length > METHOD_CHARS) {
        return problem(`a request's tag must be the name of a method, ${METHOD_CHARS} characters at most`, id)
      }
      if (!isHeaders(headers)) return problem("a request's headers must be pairs of texts", id)
      const request = { _tag, id, tag, payload, headers } as const
      const isTraced = typeof traceId === "string" && typeof spanId === "string" && typeof sampled === "boolean"
      return isTraced ? { ...request, traceId, spanId, sampled } : request
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

/** Encodes values of a stream. The values and `requestId` are JSON texts. */
export const chunk = (requestId: string, values: ReadonlyArray<string>): string =>
  `{"_tag":"Chunk","requestId":${requestId},"values":[${values.join()}]}`

export const refusal = (requestId: Id, error: Refusal): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: encodeRefusal(error) }] } })

export const failure = (requestId: Id, defect: string): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause: [{ _tag: "Die", defect }] } })

/** Encodes a problem as the failure of its request. Without a request, the protocol has only the form of a defect. */
export const encodeProblem = ({ problem, requestId }: Problem): string =>
  requestId === undefined ? write({ _tag: "Defect", defect: problem }) : failure(requestId, problem)

/** The WebSocket frame of a pong, which all connections share. */
export const pong: Buffer = textFrame(write({ _tag: "Pong" }))

/** The rest of a longer text would only repeat the client's own input. */
const DEFECT_CHARS = 1_000

const withoutDetail = (defect: unknown): string =>
  typeof defect === "string" ? cut(defect, DEFECT_CHARS) : "internal error"

/** Removes the details of bugs from a response. The log has them, and clients receive an internal error. */
export const withoutDefects = (response: FromServerEncoded): FromServerEncoded => {
  if (response._tag === "Defect") return { ...response, defect: withoutDetail(response.defect) }
  if (response._tag !== "Exit" || response.exit._tag !== "Failure") return response
  const cause = response.exit.cause.map((reason) =>
    reason._tag === "Die" ? { ...reason, defect: withoutDetail(reason.defect) } : reason,
  )
  return { ...response, exit: { ...response.exit, cause } }
}
