/**
 * The native wire: GatewayRpcs by effect/rpc, JSON over a WebSocket at `/rpc`, as any RpcClient speaks it. A Protocol of
 * our own on the connection actor: what RpcServer would answer by ending the connection or not at all is answered here.
 *
 * Streams are acknowledged (`supportsAck`): of each, one chunk is under way, so that a reader that takes its time costs
 * the gateway one chunk, not all that happens meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type { FromClientEncoded, FromServerEncoded, RequestEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { Limits } from "../domain/Limits.ts"
import { RateLimited, Unauthenticated } from "../domain/Refusal.ts"
import { CloseCodes } from "./CloseCodes.ts"
import * as RpcFrames from "./RpcFrames.ts"
import { type FrameHandler, type Peer, Wires } from "./Wires.ts"

const PATH = "/rpc"

/** Characters of a chunk from which on it is sent in parts, each when there is room. */
const CHUNK_CHARS = 262_144

/** Nobody knows when a call ends; a client that waits this long has not asked in vain too often. */
const BUSY_RETRY_MS = 100

type Id = string | number

/** What all conversations share. */
interface Server {
  readonly limits: Limits
  readonly run: (clientId: number, message: FromClientEncoded) => Effect.Effect<void>
  readonly onClose: (clientId: number) => Effect.Effect<void>
}

/** One connection's conversation. */
class RpcConversation implements FrameHandler {
  readonly #peer: Peer
  readonly #server: Server
  /** Requests without an answer; of streams, the newest position sent. */
  readonly #calls = new Map<Id, number | undefined>()

  constructor(peer: Peer, server: Server) {
    this.#peer = peer
    this.#server = server
  }

  onClose(): Effect.Effect<void> {
    return this.#server.onClose(this.#peer.clientId)
  }

  callsInFlight(): number {
    return this.#calls.size
  }

  sentSeq(): number | undefined {
    let least: number | undefined
    for (const seq of this.#calls.values()) {
      if (seq !== undefined && (least === undefined || seq < least)) least = seq
    }
    return least
  }

  /** Read one after the other: what a frame becomes is larger than the frame. */
  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    const { frameDepth } = this.#server.limits
    let inbound = RpcFrames.readFrame(frames[0]!, frameDepth)
    if (frames.length === 1 && inbound.length === 1) return this.#handle(inbound[0]!)
    let frame = 1
    let next = 0
    return Effect.whileLoop({
      while: () => {
        while (next === inbound.length && frame < frames.length) {
          inbound = RpcFrames.readFrame(frames[frame++]!, frameDepth)
          next = 0
        }
        return next < inbound.length
      },
      body: () => this.#handle(inbound[next++]!),
      step: () => {},
    })
  }

  #handle(message: RpcFrames.Inbound): Effect.Effect<void> {
    const retryAfterMs = this.#peer.admit()
    switch (message._tag) {
      case "Request":
        if (retryAfterMs > 0) {
          this.#refuse(message.id, new RateLimited({ limit: "messages-per-second", retryAfterMs }))
          return Effect.void
        }
        return this.#peer.principal === undefined ? this.#authenticate(message) : this.#call(message)
      case "Ping":
        this.#peer.sendUrgent(RpcFrames.pong)
        return Effect.void
      case "Problem":
        this.#peer.send(RpcFrames.complaint(message))
        if (retryAfterMs > 0) this.#peer.close(CloseCodes.policy, "too many messages")
        else if (this.#peer.principal === undefined) this.#peer.close(CloseCodes.policy, message.problem)
        return Effect.void
      case "Eof":
        this.#peer.close(CloseCodes.normal)
        return Effect.void
      default:
        return this.#calls.has(message.requestId) ? this.#server.run(this.#peer.clientId, message) : Effect.void
    }
  }

  #call(request: RequestEncoded): Effect.Effect<void> {
    const { id } = request
    if (this.#calls.has(id)) {
      // An answer with this id would be taken for the answer to the request that has it.
      this.#peer.send(
        RpcFrames.complaint({ _tag: "Problem", requestId: undefined, problem: `request ${id} is in flight` }),
      )
      return Effect.void
    }
    if (this.#calls.size >= this.#server.limits.callsInFlight) {
      this.#refuse(id, new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS }))
      return Effect.void
    }
    this.#calls.set(id, undefined)
    return this.#server.run(this.#peer.clientId, request)
  }

  /** Until the client is known, the wire itself answers. */
  #authenticate(request: RequestEncoded): Effect.Effect<void> {
    const { id, payload, tag } = request
    if (tag !== "authenticate") {
      this.#refuse(id, new Unauthenticated({ reason: "missing" }))
      return Effect.void
    }
    const token = typeof payload === "object" && payload !== null && "token" in payload ? payload.token : undefined
    return Effect.match(this.#peer.authenticate(typeof token === "string" ? Redacted.make(token) : undefined), {
      onSuccess: (principal) => this.#peer.send(RpcFrames.success(id, { connectionId: this.#peer.id, principal })),
      onFailure: (error) => {
        this.#refuse(id, error)
        this.#peer.close(CloseCodes.unauthenticated, error.reason)
      },
    })
  }

  #refuse(id: Id, error: RateLimited | Unauthenticated): void {
    this.#peer.send(RpcFrames.refusal(id, error))
  }

  /** What the server says to this client. */
  send(response: FromServerEncoded): Effect.Effect<void> {
    if (response._tag === "Chunk") return this.#sendChunk(response.requestId, response.values)
    if (response._tag === "Exit") this.#calls.delete(response.requestId)
    this.#peer.send(JSON.stringify(RpcFrames.withoutDefects(response)))
    return Effect.void
  }

  #sendChunk(requestId: Id, values: ReadonlyArray<unknown>): Effect.Effect<void> {
    const text = JSON.stringify({ _tag: "Chunk", requestId, values })
    if (text.length > CHUNK_CHARS && values.length > 1) {
      const half = values.length >> 1
      return Effect.andThen(
        this.#sendChunk(requestId, values.slice(0, half)),
        Effect.suspend(() => this.#sendChunk(requestId, values.slice(half))),
      )
    }
    return Effect.map(this.#peer.room(), () => {
      if (!this.#calls.has(requestId)) return
      this.#peer.send(text, RpcFrames.seqOf(values[0]))
      this.#calls.set(requestId, RpcFrames.seqOf(values.at(-1)))
    })
  }
}

const protocol = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const wires = yield* Wires
  const disconnects = yield* Queue.unbounded<number>()
  const conversations = new Map<number, RpcConversation>()

  const onClose = (clientId: number) => {
    conversations.delete(clientId)
    return Queue.offer(disconnects, clientId)
  }

  return yield* RpcServer.Protocol.make((run) => {
    const server: Server = { limits, run, onClose }
    const open = (peer: Peer) =>
      Effect.sync(() => {
        const conversation = new RpcConversation(peer, server)
        conversations.set(peer.clientId, conversation)
        return conversation
      })
    return Effect.as(wires.mount(PATH, { dialect: "rpc", open }), {
      disconnects,
      send: (clientId: number, response: FromServerEncoded) =>
        conversations.get(clientId)?.send(response) ?? Effect.void,
      end: () => Effect.void,
      clientIds: Effect.sync((): ReadonlySet<number> => new Set(conversations.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: false,
      codecFor: RpcSerialization.json.codecFor,
    })
  })
})

/** `disableFatalDefects`: a bug in one call is the end of that call. */
export const layer = RpcServer.layer(GatewayRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(Layer.effect(RpcServer.Protocol, protocol)),
)
