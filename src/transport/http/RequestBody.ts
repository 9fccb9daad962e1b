/**
 * RequestBody: reads the body of an HTTP request within the bound that ApiRoutes.ts sets, or fails with the error response.
 */
import * as Effect from "effect/Effect"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import type { Limits } from "../../domain/Limits.ts"
import { parseJson } from "../../domain/Text.ts"
import { shapeProblem, type ShapeProblem, shapeProblems } from "../connection/JsonShape.ts"
import { problem } from "./Problem.ts"

const notJson = problem(415, "the body must be application/json")
export const tooBig = problem(413, "the body is too big")
const cut = problem(400, "the body did not arrive")
const misshapen: Readonly<Record<ShapeProblem, HttpServerResponse>> = {
  "too-deep": problem(400, shapeProblems["too-deep"]),
  "too-many-values": problem(400, shapeProblems["too-many-values"]),
}
const invalidJson = problem(400, "the body is not valid JSON")

const JSON_TYPE = /^application\/json\s*(;|$)/i

const failureOf = ({ reason }: HttpServerError): HttpServerResponse =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? tooBig : cut

/** Whether the request announces a body. */
export const isPresent = ({ headers }: Pick<HttpServerRequest, "headers">): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

/** Returns the bytes of the body. */
export const bytes = (request: HttpServerRequest): Effect.Effect<ArrayBuffer, HttpServerResponse> =>
  Effect.mapError(request.arrayBuffer, failureOf)

/** Fails with 415 unless the content type matches. */
export const requireType = (
  request: HttpServerRequest,
  pattern: RegExp = JSON_TYPE,
): Effect.Effect<void, HttpServerResponse> =>
  pattern.test(request.headers["content-type"] ?? "") ? Effect.void : Effect.fail(notJson)

/** A request and the limits of its gateway. */
interface Bounded {
  readonly request: HttpServerRequest
  readonly limits: Pick<Limits, "frameDepth">
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** Returns the text of the bytes, or `undefined` if they are not UTF-8. */
export const textOf = (body: ArrayBuffer): string | undefined => {
  try {
    return utf8.decode(body)
  } catch {
    return undefined
  }
}

/** Fails with 400 if the bytes are JSON of a shape that the gateway does not take, or are not UTF-8. */
export const checkShape = (
  { frameDepth }: Bounded["limits"],
  body: ArrayBuffer,
): Effect.Effect<string, HttpServerResponse> => {
  const text = textOf(body)
  if (text === undefined) return Effect.fail(invalidJson)
  const shape = shapeProblem(frameDepth, text)
  return shape === undefined ? Effect.succeed(text) : Effect.fail(misshapen[shape])
}

/** Returns the JSON value of the bytes, or fails with 400, also for a shape that the gateway does not take. */
export const parse = (limits: Bounded["limits"], body: ArrayBuffer): Effect.Effect<unknown, HttpServerResponse> =>
  Effect.flatMap(checkShape(limits, body), (text) =>
    Effect.try({ try: () => parseJson(text), catch: () => invalidJson }),
  )

/**
 * Makes a reader of JSON bodies. It fails with 415 for another content type, and with 400 for a value that does not
 * decode or whose shape the gateway does not take.
 */
export const json = <S extends Schema.Constraint>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return Effect.fnUntraced(function* ({ limits, request }: Bounded) {
    yield* requireType(request)
    const value = yield* parse(limits, yield* bytes(request))
    return yield* Effect.mapError(decode(value), ({ message }) => problem(400, message))
  })
}
