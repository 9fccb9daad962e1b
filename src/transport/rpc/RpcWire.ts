/**
 * RpcWire: the native wire. It serves GatewayRpcs at `/rpc` in effect/rpc's protocol, as JSON over a WebSocket, to any
 * RpcClient. Each connection has an RpcSession. Gateway.ts uses it.
 *
 * Events come from the fan-out, see RpcSubscription.ts.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Peer } from "../connection/Peer.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"
import type { EventEncoding } from "../dialect/Dialect.ts"
import { Contract } from "../dialect/Query.ts"
import * as Fanout from "../fanout/Fanout.ts"
import { CallsInFlight } from "../kernel/CallsInFlight.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import { RpcSession } from "./RpcSession.ts"
import * as RpcFrames from "./RpcFrames.ts"

const PATH = "/rpc"

/** Encodes items as their own JSON. The view is the id of the request, which every chunk contains. */
export const rpcEncoding: EventEncoding<string> = {
  name: "rpc",
  viewKey: (requestId) => requestId,
  event: (_requestId, _item, json) => Effect.succeed([{ policy: "must", text: json() }]),
  frame: RpcFrames.chunk,
}

/** The encoding of this wire makes no calls. */
const noContract = Contract.calling(() => Effect.die("the encoding of /rpc makes no calls"))

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { limits } = yield* GatewayConfig
    const { mount } = yield* WireRegistry
    const { ofConnection: callsOf } = yield* ContractCalls
    const fanout = yield* Fanout.make(rpcEncoding, noContract, 0)
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const host = { limits, fanout, callsOf }
    const open = (peer: Peer) =>
      Effect.map(Effect.scope, (scope) => new RpcSession(peer, host, new CallsInFlight(peer, scope, fork)))
    yield* mount(PATH, { dialect: "rpc", open }, "the typed client (WebSocket)")
  }),
)
