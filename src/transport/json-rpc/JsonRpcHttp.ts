/**
 * JsonRpcHttp: JSON-RPC over HTTP at `POST /jsonrpc`, with the methods and responses of the WebSocket. Each request is
 * a conversation of its own. It sends no events and no items of streams. Errors of the protocol are responses with
 * status 200. Mounts.ts mounts it.
 */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Connections } from "../../services/connections/Connections.ts"
import { finish } from "../connection/Unfinished.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { HttpPeer } from "../http/HttpPeer.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { DialectServer } from "../kernel/DialectServer.ts"
import { jsonRpc } from "./JsonRpc.ts"

/** The media type of JSON, and the two media types of the drafts of JSON-RPC over HTTP. */
const JSON_TYPE = /^application\/(json|json-rpc|jsonrequest)\s*(;|$)/i

const conversationFailed = HttpAuth.problem(500, "internal error")
const noReply = HttpServerResponse.empty({ status: 204 })

const routes = Effect.gen(function* () {
  const connections = yield* Connections
  const dialects = yield* DialectServer

  const handle = Effect.fnUntraced(
    function* ({ caller, request, usage }: ApiRoutes.ApiCall) {
      yield* RequestBody.requireType(request, JSON_TYPE)
      const body = yield* RequestBody.bytes(request)
      const peer = yield* HttpPeer.make(jsonRpc.name, caller, usage)
      const session = yield* dialects.converse(jsonRpc, peer)
      // Bytes that are not UTF-8 are not JSON either: an empty frame gets the parse error of the protocol.
      yield* finish(session.onFrames([RequestBody.textOf(body) ?? ""]))
      yield* session.idle()
      if (peer.closed !== undefined) return conversationFailed
      return peer.reply === undefined
        ? noReply
        : HttpServerResponse.text(peer.reply, { contentType: "application/json" })
    },
    Effect.scoped,
    Effect.provideService(Connections, connections),
  )

  return [{ method: "POST", path: "", handle }] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({ prefix: "/jsonrpc", routes })
