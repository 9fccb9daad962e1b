/**
 * RpcSession: one connection of the native wire. It passes requests to RpcServer, sends the responses, and counts calls
 * towards the limits. It answers itself where RpcServer would end the connection or send no answer: malformed messages,
 * duplicate ids, exceeded limits and calls before the authentication. RpcWire.ts opens one for each connection.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type {
  AckEncoded,
  FromClientEncoded,
  FromServerEncoded,
  InterruptEncoded,
  RequestEncoded,
} from "effect/rpc/RpcMessage"
import { SECRET_CHARS } from "../../domain/Bounds.ts"
import type { EventFilter, Position } from "../../domain/Event.ts"
import type { Limits } from "../../domain/Limits.ts"
import { RateLimited, Unauthenticated } from "../../domain/Refusal.ts"
import * as Trace from "../../services/traces/Trace.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import { untilDrained } from "../connection/UntilDrained.ts"
import type { Fanout } from "../fanout/Fanout.ts"
import { SUBSCRIBE } from "../dialect/DialectMethod.ts"
import { seqOf } from "../dialect/Json.ts"
import * as RpcFrames from "./RpcFrames.ts"
import { RpcSubscription } from "./RpcSubscription.ts"
import type { Peer } from "../connection/Peer.ts"
import type { FrameHandler } from "../connection/Wire.ts"

/** A longer chunk is sent in parts, each when the connection is writable. */
const CHUNK_CHARS = 262_144

/** A slot may free up at any time; 100 ms keeps retries rare. */
const BUSY_RETRY_MS = 100

/** The session counts the bytes of larger requests only. The limit of calls bounds the bytes of smaller ones. */
const LARGE_CHARS = 4_096

type Id = string | number

/** The part that all sessions share. */
export interface RpcSessionHost {
  readonly limits: Limits
  readonly run: (clientId: number, message: FromClientEncoded) => Effect.Effect<void>
  readonly onClose: (clientId: number) => Effect.Effect<void>
}

export class RpcSession implements FrameHandler {
  readonly #peer: Peer
  readonly #host: RpcSessionHost
  /** The unanswered requests. The value of a stream is the newest sent position, or the subscription that has it. */
  readonly #calls = new Map<Id, number | RpcSubscription | undefined>()

  /** The sizes of the requests whose bytes count towards the principal's limit. */
  #sizes: Map<Id, number> | undefined = undefined

  constructor(peer: Peer, host: RpcSessionHost) {
    this.#peer = peer
    this.#host = host
  }

  onClose(): Effect.Effect<void> {
    const { usage } = this.#peer
    if (usage !== undefined) {
      usage.calls -= this.#calls.size
      for (const call of this.#calls.values()) if (call instanceof RpcSubscription) usage.subscriptions--
      if (this.#sizes !== undefined) for (const size of this.#sizes.values()) usage.bytes -= size
    }
    this.#calls.clear()
    this.#sizes = undefined
    return this.#host.onClose(this.#peer.clientId)
  }

  callsInFlight(): number {
    return this.#calls.size
  }

  sentSeq(): number | undefined {
    let least: number | undefined
    for (const streamed of this.#calls.values()) {
      const seq = streamed instanceof RpcSubscription ? streamed.sentSeq() : streamed
      if (seq !== undefined && (least === undefined || seq < least)) least = seq
    }
    return least
  }

  /** Decodes and handles the frames one after another, because a decoded frame takes more memory than its text. */
  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    const { frameDepth } = this.#host.limits
    let inbound = RpcFrames.readFrame(frames[0]!, frameDepth)
    if (frames.length === 1 && inbound.length === 1) return this.#handle(inbound[0]!, frames[0]!.length)
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
      body: () => this.#handle(inbound[next++]!, Math.ceil(frames[frame - 1]!.length / inbound.length)),
      step: () => {},
    })
  }

  #handle(message: RpcFrames.Inbound, size: number): Effect.Effect<void> {
    const retryAfterMs = this.#peer.takeToken()
    switch (message._tag) {
      case "Request": {
        if (retryAfterMs > 0) {
          this.#refuse(message.id, new RateLimited({ limit: "messages-per-second", retryAfterMs }))
          return Effect.void
        }
        if (this.#peer.principal === undefined) return this.#authenticate(message)
        const drain = this.#peer.awaitDrain()
        if (drain === undefined) return this.#call(message, size)
        return this.#afterDrain(drain, message, size)
      }
      case "Ping":
        this.#peer.sendUrgent(RpcFrames.pong)
        return Effect.void
      case "Problem":
        this.#peer.send(RpcFrames.encodeProblem(message))
        if (retryAfterMs > 0) this.#peer.close(CloseCodes.policy, "too many messages")
        else if (this.#peer.principal === undefined) this.#peer.close(CloseCodes.policy, message.problem)
        return Effect.void
      case "Eof":
        this.#peer.close(CloseCodes.normal)
        return Effect.void
      case "Ack": {
        const streamed = this.#calls.get(message.requestId)
        if (!(streamed instanceof RpcSubscription)) return this.#forward(message)
        streamed.acknowledged()
        return Effect.void
      }
      case "Interrupt":
        return this.#forward(message)
    }
  }

  /** Starts the call after the outbox has drained. Until then its size counts towards the principal's limit. */
  #afterDrain(drain: Effect.Effect<void>, request: RequestEncoded, size: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { usage } = this.#peer
      if (usage !== undefined) usage.bytes += size
      const free = Effect.sync(() => {
        if (usage !== undefined) usage.bytes -= size
      })
      return Effect.andThen(
        Effect.ensuring(drain, free),
        Effect.suspend(() => this.#call(request, size)),
      )
    })
  }

  /** Passes the message to RpcServer if its request is in flight. */
  #forward(message: AckEncoded | InterruptEncoded): Effect.Effect<void> {
    return this.#calls.has(message.requestId) ? this.#host.run(this.#peer.clientId, message) : Effect.void
  }

  #call(request: RequestEncoded, size: number): Effect.Effect<void> {
    const { id } = request
    if (this.#calls.has(id)) {
      // With its id, the client would take this problem for the answer to the other request.
      this.#peer.send(
        RpcFrames.encodeProblem({ _tag: "Problem", requestId: undefined, problem: `request ${id} is in flight` }),
      )
      return Effect.void
    }
    if (this.#calls.size >= this.#host.limits.callsInFlight) {
      this.#refuse(id, new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS }))
      return Effect.void
    }
    const { usage } = this.#peer
    const refusal = usage?.callRefusal(size) ?? (request.tag === SUBSCRIBE ? usage?.subscriptionRefusal() : undefined)
    if (refusal !== undefined) {
      this.#refuse(id, refusal)
      return Effect.void
    }
    this.#calls.set(id, undefined)
    if (usage !== undefined) {
      usage.calls++
      if (size > LARGE_CHARS) {
        usage.bytes += size
        ;(this.#sizes ??= new Map()).set(id, size)
      }
    }
    const { sampled, spanId, traceId } = request
    const run = this.#host.run(this.#peer.clientId, request)
    return spanId === undefined ? run : Trace.within(run, `00-${traceId}-${spanId}-${sampled === false ? "00" : "01"}`)
  }

  /** Answers a request of a client that has not authenticated. RpcServer receives no such request. */
  #authenticate(request: RequestEncoded): Effect.Effect<void> {
    const { id, payload, tag } = request
    if (tag !== "authenticate") {
      this.#refuse(id, new Unauthenticated({ reason: "missing" }))
      return Effect.void
    }
    const token = typeof payload === "object" && payload !== null && "token" in payload ? payload.token : undefined
    if (typeof token === "string" && token.length > SECRET_CHARS) {
      this.#peer.send(RpcFrames.failure(id, `a token has ${SECRET_CHARS} characters at most`))
      return Effect.void
    }
    return Effect.match(this.#peer.authenticate(typeof token === "string" ? Redacted.make(token) : undefined), {
      onSuccess: (principal) => this.#peer.send(RpcFrames.success(id, { connectionId: this.#peer.id, principal })),
      onFailure: (error) => {
        this.#refuse(id, error)
        this.#peer.close(CloseCodes.unauthenticated, error.reason)
      },
    })
  }

  /** Runs a call of `events.subscribe` until it is interrupted. */
  subscribe(id: Id, fanout: Fanout<string>, filter: EventFilter, from: Position | undefined): Effect.Effect<never> {
    return Effect.suspend(() => {
      const { usage } = this.#peer
      if (usage !== undefined && this.#calls.has(id)) usage.subscriptions++
      const subscription = new RpcSubscription(this.#peer, fanout, JSON.stringify(id), filter, from)
      this.#calls.set(id, subscription)
      return subscription.life
    })
  }

  #refuse(id: Id, error: RateLimited | Unauthenticated): void {
    this.#peer.send(RpcFrames.refusal(id, error))
  }

  /** Sends a response of RpcServer to the client. */
  send(response: FromServerEncoded): Effect.Effect<void> {
    if (response._tag === "Chunk") return this.#sendChunk(response.requestId, response.values)
    const wait = untilDrained(this.#peer)
    if (wait === undefined) return this.#sendNow(response)
    // RpcServer sends in a finalizer. An interrupt ends the wait, but not the answer.
    return Effect.flatMap(Effect.exit(Effect.interruptible(wait)), () => this.#sendNow(response))
  }

  #sendNow(response: Exclude<FromServerEncoded, { readonly _tag: "Chunk" }>): Effect.Effect<void> {
    const text = JSON.stringify(RpcFrames.withoutDefects(response))
    if (response._tag !== "Exit") {
      this.#peer.send(text)
      return Effect.void
    }
    this.#end(response.requestId)
    const refusal = this.#peer.usage?.answerRefusal(text.length)
    this.#peer.send(refusal === undefined ? text : RpcFrames.refusal(response.requestId, refusal))
    return Effect.void
  }

  /** Removes a call from the calls in flight and from the counts of its principal. */
  #end(id: Id): void {
    const { usage } = this.#peer
    const call = this.#calls.get(id)
    if (!this.#calls.delete(id) || usage === undefined) return
    usage.calls--
    if (call instanceof RpcSubscription) usage.subscriptions--
    const size = this.#sizes?.get(id)
    if (size === undefined) return
    usage.bytes -= size
    this.#sizes?.delete(id)
  }

  /** Sends the values of a stream when the connection is writable. RpcServer waits for it. */
  #sendChunk(requestId: Id, values: ReadonlyArray<unknown>): Effect.Effect<void> {
    const text = JSON.stringify({ _tag: "Chunk", requestId, values })
    if (text.length > CHUNK_CHARS && values.length > 1) {
      const half = values.length >> 1
      return Effect.andThen(
        this.#sendChunk(requestId, values.slice(0, half)),
        Effect.suspend(() => this.#sendChunk(requestId, values.slice(half))),
      )
    }
    return Effect.map(this.#peer.awaitWritable(), () => {
      if (!this.#calls.has(requestId)) return
      this.#peer.send(text, seqOf(values[0]))
      this.#calls.set(requestId, seqOf(values.at(-1)))
    })
  }
}
