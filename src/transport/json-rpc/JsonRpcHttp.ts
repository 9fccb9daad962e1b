/**
 * JSON-RPC over HTTP: `POST /jsonrpc`, one conversation to a request, with the methods and answers of the socket. What
 * comes later (events, items of streams, typing) is not told here. Errors of the protocol are answers, with status 200.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Connections } from "../../services/connections/Connections.ts"
import * as Cors from "../http/Cors.ts"
import { DialectServer } from "../kernel/DialectServer.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { PrincipalUsage, type Usage } from "../connection/PrincipalUsage.ts"
import * as RequestShare from "../http/RequestShare.ts"
import { HttpPeer } from "../http/HttpPeer.ts"
import { jsonRpc } from "./JsonRpc.ts"

/** As clients name it: the type of JSON, and the two that drafts of JSON-RPC over HTTP have. */
const JSON_TYPE = /^application\/(json|json-rpc|jsonrequest)\s*(;|$)/i

const notJson = HttpAuth.problem(415, "the body must be application/json")
const tooBig = HttpAuth.problem(413, "the body is too big")
const cut = HttpAuth.problem(400, "the body did not arrive")
const broken = HttpAuth.problem(500, "internal error")
const nothing = HttpServerResponse.empty({ status: 204 })

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** Bytes that are no UTF-8 are no JSON either; an empty frame says so. */
const decodeText = (body: ArrayBuffer): string => {
  try {
    return utf8.decode(body)
  } catch {
    return ""
  }
}

const unread = ({ reason }: HttpServerError) =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? tooBig : cut

const post = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const connections = yield* Connections
  const dialects = yield* DialectServer
  const access = yield* HttpAuth.make
  const usages = yield* PrincipalUsage
  /** A body that does not say how long it is may be as long as any. */
  const declaredBytes = ({ headers }: HttpServerRequest): number =>
    Math.min(limits.frameBytes, Number(headers["content-length"] ?? limits.frameBytes) || 0)
  const bodyLimit = ByteSize.fromInputUnsafe(limits.frameBytes)

  const answer = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const caller = yield* access(request)
    if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) return notJson
    const usage = usages.of(caller.principal)
    return yield* RequestShare.within(usage, request, declaredBytes(request), converse(request, caller, usage))
  })

  const converse = Effect.fnUntraced(function* (request: HttpServerRequest, caller: HttpAuth.Caller, usage: Usage) {
    const body = yield* Effect.mapError(request.arrayBuffer, unread)
    const peer = yield* HttpPeer.make(jsonRpc.name, caller, usage)
    const exchange = yield* dialects.converse(jsonRpc, peer)
    yield* exchange.onFrames([decodeText(body)])
    yield* exchange.idle()
    if (peer.closed !== undefined) return broken
    return peer.reply === undefined ? nothing : HttpServerResponse.text(peer.reply, { contentType: "application/json" })
  })

  return (request: HttpServerRequest) =>
    answer(request).pipe(
      Effect.scoped,
      Effect.catch((refusal) => Effect.succeed(refusal)),
      Effect.provideService(Connections, connections),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, bodyLimit),
    )
})

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(post, (post) => Cors.add(router, "POST", "/jsonrpc", post)),
)
