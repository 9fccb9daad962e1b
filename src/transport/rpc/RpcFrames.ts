/**
 * RpcFrames: decodes and encodes the frames of effect/rpc's JSON protocol. Decoding never throws: a malformed message
 * becomes a `Problem`. RpcSession.ts, RpcStream.ts and RpcWire.ts use it.
 */
import type { FromClientEncoded, FromServerEncoded, RequestEncoded, ResponseExitEncoded } from "effect/rpc/RpcMessage"
import { ID_CHARS, METHOD_CHARS } from "../../domain/Bounds.ts"
import { parseJson } from "../../domain/Text.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import { shapeProblem, shapeProblems } from "../connection/JsonShape.ts"
import type { Fault } from "../dialect/Fault.ts"
import { taggedOf } from "../dialect/Faults.ts"
import { isObject } from "../dialect/Json.ts"

/** The client's id of a request. */
export type Id = string | number

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
 * Decodes a message and keeps only the fields that a call needs. It drops `discard` and `isNotification`: such calls run
 * as ordinary calls and get an answer.
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

const write = (message: FromServerEncoded): string => JSON.stringify(message)

export const success = (requestId: Id, value: unknown): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Success", value } })

type Reason = Extract<ResponseExitEncoded["exit"], { _tag: "Failure" }>["cause"][number]

const reasonOf = (fault: Fault): Reason => {
  switch (fault._tag) {
    case "Denied":
    case "Limited":
    case "Domain":
      return { _tag: "Fail", error: taggedOf(fault) }
    case "Interrupted":
      // Clients expect a number. The ids of our fibers mean nothing to them.
      return { _tag: "Interrupt", fiberId: 0 }
    case "UnknownMethod":
      return { _tag: "Die", defect: `Unknown request tag: ${fault.method}` }
    case "InvalidParams":
      return { _tag: "Die", defect: fault.issue }
    case "DuplicateId":
    case "Internal":
      return { _tag: "Die", defect: "internal error" }
  }
}

/** Encodes the failure of a request. The protocol has only defects for faults that are not errors of the contract. */
export const failure = (requestId: Id, fault: Fault): string => exitOf(requestId, reasonOf(fault))

const exitOf = (requestId: Id, reason: Reason): string =>
  write({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause: [reason] } })

/** Encodes values of a stream. */
export const values = (requestId: Id, values: ReadonlyArray<unknown>): string =>
  JSON.stringify({ _tag: "Chunk", requestId, values })

/** Encodes values of a stream that are encoded already. The values and `requestId` are JSON texts. */
export const chunk = (requestId: string, values: ReadonlyArray<string>): string =>
  `{"_tag":"Chunk","requestId":${requestId},"values":[${values.join()}]}`

/** Encodes a problem as the failure of its request. Without a request, the protocol has only the form of a defect. */
export const encodeProblem = ({ problem, requestId }: Problem): string =>
  requestId === undefined
    ? write({ _tag: "Defect", defect: problem })
    : exitOf(requestId, { _tag: "Die", defect: problem })

/** The WebSocket frame of a pong, which all connections share. */
export const pong: Buffer = textFrame(write({ _tag: "Pong" }))
