/**
 * RpcSession: one connection of the native wire. It carries out the calls of effect/rpc's protocol, streams and
 * acknowledgements among them, within the limits of the client and its principal. RpcWire.ts opens one for each connection.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { RequestEncoded } from "effect/rpc/RpcMessage"
import { SECRET_CHARS } from "../../domain/Bounds.ts"
import { type EventFilter, permitted, type Position } from "../../domain/Event.ts"
import type { Limits } from "../../domain/Limits.ts"
import { RateLimited, type Refusal, Unauthenticated } from "../../domain/Refusal.ts"
import * as Trace from "../../services/traces/Trace.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Peer } from "../connection/Peer.ts"
import { inOrder, type Unfinished } from "../connection/Unfinished.ts"
import type { FrameHandler } from "../connection/Wire.ts"
import { SUBSCRIBE } from "../dialect/DialectMethod.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { methodCodecs } from "../dialect/MethodCodecs.ts"
import type { Fanout } from "../fanout/Fanout.ts"
import type { CallsInFlight } from "../kernel/CallsInFlight.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import * as RpcFrames from "./RpcFrames.ts"
import { RpcStream } from "./RpcStream.ts"
import { RpcSubscription } from "./RpcSubscription.ts"

/** A slot may free up at any time; 100 ms keeps retries rare. */
const BUSY_RETRY_MS = 100

/** The part that all sessions share. */
export interface RpcSessionHost {
  readonly limits: Limits
  readonly fanout: Fanout<string>
  readonly callsOf: (clientId: number) => Calls
}

/** Returns the trace context of a request, if it has one. */
const traceparentOf = ({ sampled, spanId, traceId }: RequestEncoded): string | undefined =>
  spanId === undefined ? undefined : `00-${traceId}-${spanId}-${sampled === false ? "00" : "01"}`

export class RpcSession implements FrameHandler {
  readonly #peer: Peer
  readonly #host: RpcSessionHost
  readonly #inFlight: CallsInFlight
  #firstCalls: Calls | undefined = undefined
  /** The streams and subscriptions among the calls in flight. */
  #streams: Map<RpcFrames.Id, RpcStream | RpcSubscription> | undefined = undefined

  constructor(peer: Peer, host: RpcSessionHost, inFlight: CallsInFlight) {
    this.#peer = peer
    this.#host = host
    this.#inFlight = inFlight
  }

  onClose(): Effect.Effect<void> {
    this.#inFlight.release()
    return Effect.void
  }

  callsInFlight(): number {
    return this.#inFlight.size
  }

  sentSeq(): number | undefined {
    let least: number | undefined
    for (const stream of this.#streams?.values() ?? []) {
      const seq = stream.sentSeq()
      if (seq !== undefined && (least === undefined || seq < least)) least = seq
    }
    return least
  }

  /** Decodes and handles the frames one after another, because a decoded frame takes more memory than its text. */
  onFrames(frames: ReadonlyArray<string>): Unfinished {
    const { frameDepth } = this.#host.limits
    return inOrder(this.#peer, frames, (frame) => {
      const messages = RpcFrames.readFrame(frame, frameDepth)
      const size = Math.ceil(frame.length / messages.length)
      return inOrder(this.#peer, messages, (message) => this.#handle(message, size))
    })
  }

  #handle(message: RpcFrames.Inbound, size: number): Unfinished {
    const retryAfterMs = this.#peer.takeToken()
    switch (message._tag) {
      case "Request": {
        if (retryAfterMs > 0) {
          return this.#refuse(message.id, new RateLimited({ limit: "messages-per-second", retryAfterMs }))
        }
        if (this.#peer.principal === undefined) return this.#authenticate(message)
        const drain = this.#peer.awaitDrain()
        if (drain === undefined) return this.#call(message, size)
        return this.#inFlight.after(drain, size, () => this.#call(message, size))
      }
      case "Ping":
        this.#peer.sendUrgent(RpcFrames.pong)
        return undefined
      case "Problem":
        this.#peer.send(RpcFrames.encodeProblem(message))
        if (retryAfterMs > 0) this.#peer.close(CloseCodes.policy, "too many messages")
        else if (this.#peer.principal === undefined) this.#peer.close(CloseCodes.policy, message.problem)
        return undefined
      case "Eof":
        this.#peer.close(CloseCodes.normal)
        return undefined
      case "Ack":
        this.#streams?.get(message.requestId)?.acknowledged()
        return undefined
      case "Interrupt":
        this.#inFlight.cancel(message.requestId)
        return undefined
    }
  }

  /** Answers a request of a client that has not authenticated. */
  #authenticate({ id, payload, tag }: RequestEncoded): Unfinished {
    if (tag !== "authenticate") return this.#refuse(id, new Unauthenticated({ reason: "missing" }))
    const token = typeof payload === "object" && payload !== null && "token" in payload ? payload.token : undefined
    if (typeof token === "string" && token.length > SECRET_CHARS) {
      return this.#fail(id, { _tag: "InvalidParams", issue: `a token has ${SECRET_CHARS} characters at most` })
    }
    return Effect.match(this.#peer.authenticate(typeof token === "string" ? Redacted.make(token) : undefined), {
      onSuccess: (principal) => this.#peer.send(RpcFrames.success(id, { connectionId: this.#peer.id, principal })),
      onFailure: (error) => {
        this.#refuse(id, error)
        this.#peer.close(CloseCodes.unauthenticated, error.reason)
      },
    })
  }

  // Calls

  /** Made at the first call, because some clients make none. */
  get #calls(): Calls {
    return (this.#firstCalls ??= this.#host.callsOf(this.#peer.clientId))
  }

  #call(request: RequestEncoded, size: number): Unfinished {
    const { id, payload, tag } = request
    if (this.#inFlight.has(id)) {
      // With its id, the client would take this problem for the answer to the other request.
      this.#peer.send(
        RpcFrames.encodeProblem({ _tag: "Problem", requestId: undefined, problem: `request ${id} is in flight` }),
      )
      return undefined
    }
    const refusal = this.#refusal(tag, size)
    if (refusal !== undefined) return this.#refuse(id, refusal)
    const streams = methodCodecs.get(tag)?.streams === true
    const call = streams ? this.#stream(id, tag, payload) : this.#calls.call(tag, payload)
    const run = Trace.within(call, traceparentOf(request))
    this.#inFlight.start({ id, bytes: size, run, reply: (exit) => this.#reply(id, tag, exit) })
    return undefined
  }

  #refusal(tag: string, size: number): RateLimited | undefined {
    if (this.#inFlight.size >= this.#host.limits.callsInFlight) {
      return new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS })
    }
    return this.#peer.usage?.callRefusal(size) ?? (tag === SUBSCRIBE ? this.#inFlight.refusal() : undefined)
  }

  /** Runs a streaming method. The fan-out sends the values of `events.subscribe`. */
  #stream(id: RpcFrames.Id, tag: string, payload: unknown): Effect.Effect<unknown, Fault> {
    if (tag === SUBSCRIBE) return this.#calls.serve(tag, payload, (filter) => this.#subscribe(id, filter as Filter))
    const stream = new RpcStream(this.#peer, id)
    this.#follow(id, stream)
    return Stream.runForEachArray(this.#calls.stream(tag, payload), (values) => stream.send(values))
  }

  /** Serves events until it is interrupted. */
  #subscribe(id: RpcFrames.Id, { from, ...filter }: Filter): Effect.Effect<never> {
    this.#inFlight.changed(1)
    const wanted = permitted(filter, this.#peer.principal?.scopes ?? [])
    const subscription = new RpcSubscription(this.#peer, this.#host.fanout, JSON.stringify(id), wanted, from)
    this.#follow(id, subscription)
    return subscription.life
  }

  #follow(id: RpcFrames.Id, stream: RpcStream | RpcSubscription): void {
    ;(this.#streams ??= new Map()).set(id, stream)
  }

  // Replies

  #reply(id: RpcFrames.Id, tag: string, exit: Exit.Exit<unknown, Fault>): Unfinished {
    const stream = this.#streams?.get(id)
    if (stream instanceof RpcSubscription) this.#inFlight.changed(-1)
    this.#streams?.delete(id)
    // A stream ends with null: a client does not accept a missing value.
    if (Exit.isSuccess(exit)) return this.#succeed(id, exit.value ?? null)
    const fault = Faults.ofExit(exit.cause)
    this.#fail(id, fault ?? Faults.internal)
    return fault === undefined ? Effect.logError(`${tag} failed`, exit.cause) : undefined
  }

  #succeed(id: RpcFrames.Id, value: unknown): undefined {
    const text = RpcFrames.success(id, value)
    const refusal = this.#peer.usage?.answerRefusal(text.length)
    if (refusal === undefined) this.#peer.send(text)
    else this.#refuse(id, refusal)
  }

  #fail(id: RpcFrames.Id, fault: Fault): undefined {
    this.#peer.send(RpcFrames.failure(id, fault))
  }

  #refuse(id: RpcFrames.Id, refusal: Refusal): undefined {
    this.#fail(id, Faults.refused(refusal))
  }
}

/** The parameters of `events.subscribe`. */
type Filter = EventFilter & { readonly from?: Position }
