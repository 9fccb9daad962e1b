/**
 * RequestShare: one HTTP request within its principal's share. The request and the bytes of its body and answer count
 * until the client has taken the answer, or is gone. A client that takes nothing for a while is cut.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { RateLimited } from "../../domain/Refusal.ts"
import * as HttpAuth from "./HttpAuth.ts"
import type { Usage } from "../connection/PrincipalUsage.ts"

/** How long a client may take none of its answer. */
const STALL_MS = 60_000

const refused = ({ limit, retryAfterMs }: RateLimited): HttpServerResponse =>
  HttpAuth.problem(
    429,
    limit === "http-requests"
      ? "too many requests of this principal are in progress"
      : "too much of what this principal asked for is not taken yet",
    { "retry-after": `${Math.ceil(retryAfterMs / 1_000)}` },
  )

const sizeOf = ({ body }: HttpServerResponse): number => (body._tag === "Uint8Array" ? body.contentLength : 0)

/** Answers the request, or refuses it with 429. `bytes`: of its body, as far as that is known. */
export const within = <E, R>(
  usage: Usage,
  request: HttpServerRequest,
  bytes: number,
  answer: Effect.Effect<HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse, E, R> =>
  Effect.suspend(() => {
    const refusal = usage.requestRefusal() ?? usage.callRefusal(bytes)
    if (refusal !== undefined) return Effect.succeed(refused(refusal))
    const response = NodeHttpServerRequest.toServerResponse(request)
    let held = bytes
    usage.requests++
    usage.bytes += held
    const end = () => {
      usage.requests--
      usage.bytes -= held
      held = 0
    }
    if (response.destroyed) end()
    else response.once("close", end)
    return Effect.map(answer, (answered) => {
      if (response.destroyed) return answered
      const size = sizeOf(answered)
      usage.bytes += size - held
      held = size
      response.setTimeout(STALL_MS, () => response.destroy())
      return answered
    })
  })

/** As `within` for an answer that is large and made at once: it is made only while there is room for more bytes. */
export const roomFor = <E, R>(
  usage: Usage,
  answer: Effect.Effect<HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse, E, R> =>
  Effect.suspend(() => {
    const refusal = usage.callRefusal(0)
    return refusal === undefined ? answer : Effect.succeed(refused(refusal))
  })
