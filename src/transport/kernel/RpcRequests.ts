/**
 * The requests of one connection to the RPC server: payloads go in decoded, what comes back is told as JSON or as the
 * fault that it is. It knows no frame and no client's id.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import { type FromClient, type FromServer, RequestId } from "effect/rpc/RpcMessage"
import type * as RpcServer from "effect/rpc/RpcServer"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import type { MethodCodec } from "../dialect/MethodCodecs.ts"
import type { Backpressure, PeerIdentity } from "../connection/Peer.ts"

/** Who asks. */
export interface Asker {
  /** One value of a method that streams, as JSON, and its position where it has one. */
  readonly item: (json: unknown, seq: number | undefined) => Effect.Effect<void>
  /** The result as JSON; a method that streams has none. Told once. */
  readonly end: (exit: Exit.Exit<unknown, Fault>) => Effect.Effect<void>
}

type RequestPeer = Pick<PeerIdentity, "clientId"> & Pick<Backpressure, "awaitWritable">

interface Request extends Asker {
  readonly codec: MethodCodec
}

const seqOf = (value: unknown): number | undefined =>
  typeof value === "object" && value !== null && "seq" in value && typeof value.seq === "number" ? value.seq : undefined

export class RpcRequests {
  readonly #server: RpcServer.RpcServer<GatewayRpcs>
  readonly #peer: RequestPeer
  readonly #open = new Map<RequestId, Request>()
  #last = 0

  constructor(server: RpcServer.RpcServer<GatewayRpcs>, peer: RequestPeer) {
    this.#server = server
    this.#peer = peer
  }

  /** A new request: `send` begins it, `interrupt` ends it before its time. */
  make(codec: MethodCodec, payload: unknown, { end, item }: Asker) {
    const id = RequestId(++this.#last)
    this.#open.set(id, { codec, item, end })
    // The method's own schema has decoded the payload, which the union of all methods does not show.
    const tag = codec.rpc._tag
    const request = { _tag: "Request", id, tag, payload, headers: Headers.empty } as FromClient<GatewayRpcs>
    return {
      send: this.#server.write(this.#peer.clientId, request),
      interrupt: this.#server.write(this.#peer.clientId, { _tag: "Interrupt", requestId: id, interruptors: [] }),
    }
  }

  /** What the server says to this connection. */
  answer(message: FromServer<GatewayRpcs>): Effect.Effect<void> {
    if (message._tag !== "Chunk" && message._tag !== "Exit") return Effect.void
    const { requestId } = message
    const request = this.#open.get(requestId)
    if (request === undefined) return Effect.void
    if (message._tag === "Chunk") {
      // What fails here ends the stream, and the server takes the client for answered.
      return Effect.onError(this.#items(request, message.values), (cause) =>
        this.#end(requestId, request, Faults.ofCause(cause)),
      )
    }
    return this.#end(requestId, request, outcome(request.codec, message.exit))
  }

  /** A reader that takes its time holds back its own streams. */
  #items({ codec, item }: Request, values: ReadonlyArray<unknown>): Effect.Effect<void> {
    const all = Effect.forEach(
      values,
      (value) => Effect.flatMap(Effect.orDie(codec.encodeValue(value)), (json) => item(json, seqOf(value))),
      { discard: true },
    )
    return Effect.andThen(this.#peer.awaitWritable(), all)
  }

  #end(id: RequestId, { end }: Request, outcome: Effect.Effect<unknown, Fault>): Effect.Effect<void> {
    return this.#open.delete(id) ? Effect.flatMap(Effect.exit(outcome), end) : Effect.void
  }
}

const outcome = (codec: MethodCodec, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, Fault> => {
  if (Exit.isFailure(exit)) return Faults.ofCause(exit.cause)
  return codec.streams ? Effect.undefined : Effect.orDie(codec.encodeValue(exit.value))
}
