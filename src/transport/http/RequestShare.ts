/**
 * RequestShare: counts an HTTP request and the bytes of its body and response towards its principal's usage, until the
 * client has read the response or left. It cuts a client that reads nothing for a minute. ApiRoutes.ts uses it.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { RateLimited } from "../../domain/Refusal.ts"
import type { Usage } from "../connection/PrincipalUsage.ts"
import { problem, retryAfter } from "./Problem.ts"

/** Longest time in which a client may read none of its response. */
const STALL_MS = 60_000

const refused = (refusal: RateLimited): HttpServerResponse =>
  problem(
    429,
    refusal.limit === "http-requests"
      ? "too many requests of this principal are in progress"
      : "too many unread bytes of this principal are in flight",
    retryAfter(refusal.retryAfterMs),
    refusal,
  )

const sizeOf = ({ body }: HttpServerResponse): number => (body._tag === "Uint8Array" ? body.contentLength : 0)

/**
 * Answers the request, or refuses it with 429. `bytes`: size of its body, or the most that it can be. `answer` receives a
 * function that ends the count of the request.
 */
export const within = <E, R>(
  usage: Usage,
  request: HttpServerRequest,
  bytes: number,
  answer: (release: () => void) => Effect.Effect<HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse, E, R> =>
  Effect.suspend(() => {
    const refusal = usage.requestRefusal() ?? usage.callRefusal(bytes)
    if (refusal !== undefined) return Effect.succeed(refused(refusal))
    const response = NodeHttpServerRequest.toServerResponse(request)
    let held = bytes
    let counted = 1
    usage.requests++
    usage.bytes += held
    const release = () => {
      usage.requests -= counted
      counted = 0
    }
    const end = () => {
      release()
      usage.bytes -= held
      held = 0
    }
    if (response.destroyed) end()
    else response.once("close", end)
    return Effect.map(answer(release), (answered) => {
      if (response.destroyed) return answered
      const size = sizeOf(answered)
      usage.bytes += size - held
      held = size
      response.setTimeout(STALL_MS, () => response.destroy())
      return answered
    })
  })

/** Makes a large response only while the principal's limits allow more bytes, else refuses with 429. */
export const roomFor = <E, R>(
  usage: Usage,
  answer: Effect.Effect<HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse, E, R> =>
  Effect.suspend(() => {
    const refusal = usage.callRefusal(0)
    return refusal === undefined ? answer : Effect.succeed(refused(refusal))
  })
