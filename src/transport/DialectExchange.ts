/**
 * One connection's conversation in a foreign dialect, carried out: calls are looked up, limited, decoded and run, and
 * how they end is worded by the dialect. It knows no wire and no method.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Headers from "effect/http/Headers"
import { type FromClient, type FromServer, RequestId } from "effect/rpc/RpcMessage"
import type * as RpcServer from "effect/rpc/RpcServer"
import type { EventFilter, Position } from "../domain/Event.ts"
import type { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { Limits } from "../domain/Limits.ts"
import { grants, RequiredScope } from "../domain/Principal.ts"
import { Forbidden, RateLimited, Unauthenticated } from "../domain/Refusal.ts"
import { type Conversation, type Fault, type Inbound, type Ref, subscriptionKey, type Tagged } from "./Dialect.ts"
import type { Fanout } from "./Fanout.ts"
import * as Faults from "./Faults.ts"
import { isDeeperThan } from "./JsonDepth.ts"
import { decodeSubscription, type MethodCodec, methodCodecs } from "./MethodCodecs.ts"
import type { FrameHandler, Peer } from "./Wires.ts"

/** What every exchange of a dialect shares. */
export interface ExchangeHost {
  readonly server: RpcServer.RpcServer<GatewayRpcs>
  readonly fanout: Fanout
  readonly limits: Limits
}

interface Call<R extends Ref> {
  readonly ref: R
  readonly method: string
  readonly codec: MethodCodec
}

/** What the client's id of a call in flight stands for. */
type InFlight =
  | { readonly _tag: "Request"; readonly id: RequestId }
  | { readonly _tag: "Subscription"; readonly ref: Ref; readonly key: string }

const SUBSCRIBE = "events.subscribe"

/** Nobody knows when a call ends; a client that waits this long has not asked in vain too often. */
const BUSY_RETRY_MS = 100

const Done = Effect.void

export class DialectExchange<R extends Ref> implements FrameHandler {
  readonly #host: ExchangeHost
  readonly #peer: Peer
  readonly #conversation: Conversation<R>
  /** What follows events or runs calls for this connection ends with it. */
  readonly #scope: Scope.Scope
  readonly #calls = new Map<RequestId, Call<R>>()
  readonly #ids = new Map<string | number, InFlight>()
  readonly #following = new Map<string, Fiber.Fiber<void>>()
  #lastRequest = 0

  constructor(host: ExchangeHost, peer: Peer, conversation: Conversation<R>, scope: Scope.Scope) {
    this.#host = host
    this.#peer = peer
    this.#conversation = conversation
    this.#scope = scope
  }

  callsInFlight(): number {
    return this.#calls.size
  }

  sentSeq(): number | undefined {
    return undefined
  }

  greet(): Effect.Effect<void> {
    return this.#obeyAll(this.#conversation.greet())
  }

  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.forEach(frames, (frame) => this.#obeyAll(this.#read(frame)), { discard: true })
  }

  #read(frame: string): ReadonlyArray<Inbound<R>> {
    return isDeeperThan(this.#host.limits.frameDepth, frame)
      ? this.#conversation.unreadable("too-deep")
      : this.#conversation.read(frame, this.#peer.principal)
  }

  #obeyAll(inbound: ReadonlyArray<Inbound<R>>): Effect.Effect<void> {
    return Effect.forEach(inbound, (one) => this.#obey(one), { discard: true })
  }

  #obey(inbound: Inbound<R>): Effect.Effect<void> {
    switch (inbound._tag) {
      case "Call":
        return this.#call(inbound.ref, inbound.method, inbound.params)
      case "Cancel":
        return this.#cancel(inbound.id)
      case "Identify":
        return this.#identify(inbound.ref, inbound.token, inbound.client)
      case "Follow":
        return this.#follow(inbound.key, inbound.filter, inbound.from)
      case "Unfollow":
        return this.#unfollow(inbound.key)
      case "Say":
        this.#peer.send(inbound.text)
        return Done
      case "Close":
        this.#peer.close(inbound.code, inbound.detail)
        return Done
    }
  }

  // Calls

  #call(ref: R, method: string, params: unknown): Effect.Effect<void> {
    const codec = methodCodecs.get(method)
    const fault = this.#refusal(ref, method, codec)
    if (fault !== undefined) return this.#fail(ref, method, fault)
    if (method === SUBSCRIBE) return this.#subscribe(ref, codec!, params)
    return Effect.matchEffect(codec!.decode(params ?? {}), {
      onFailure: (error) => this.#fail(ref, method, { _tag: "InvalidParams", issue: error.message }),
      onSuccess: (payload) => this.#request({ ref, method, codec: codec! }, payload),
    })
  }

  /** Why the call is not even looked at, if so. */
  #refusal(ref: R, method: string, codec: MethodCodec | undefined): Fault | undefined {
    const { callsInFlight } = this.#host.limits
    const retryAfterMs = this.#peer.admit()
    if (retryAfterMs > 0) return Faults.refused(new RateLimited({ limit: "messages-per-second", retryAfterMs }))
    if (this.#peer.principal === undefined) return Faults.refused(new Unauthenticated({ reason: "missing" }))
    if (codec === undefined) return { _tag: "UnknownMethod", method }
    if (ref.id !== undefined && this.#ids.has(ref.id)) return { _tag: "DuplicateId" }
    if (this.#calls.size + this.#following.size < callsInFlight) return undefined
    return Faults.refused(new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS }))
  }

  #request(call: Call<R>, payload: unknown): Effect.Effect<void> {
    const id = RequestId(++this.#lastRequest)
    this.#calls.set(id, call)
    if (call.ref.id !== undefined) this.#ids.set(call.ref.id, { _tag: "Request", id })
    // The method's own schema has decoded the payload, which the union of all methods does not show.
    const request = {
      _tag: "Request",
      id,
      tag: call.method,
      payload,
      headers: Headers.empty,
    } as FromClient<GatewayRpcs>
    return this.#host.server.write(this.#peer.clientId, request)
  }

  #cancel(id: string | number): Effect.Effect<void> {
    const call = this.#ids.get(id)
    if (call === undefined) return Done
    if (call._tag === "Request") {
      return this.#host.server.write(this.#peer.clientId, { _tag: "Interrupt", requestId: call.id, interruptors: [] })
    }
    this.#ids.delete(id)
    return this.#unfollow(call.key)
  }

  /** What the server says of a call of this connection. */
  answer(message: FromServer<GatewayRpcs>): Effect.Effect<void> {
    if (message._tag !== "Chunk" && message._tag !== "Exit") return Done
    const call = this.#calls.get(message.requestId)
    if (call === undefined) return Done
    const { codec, method, ref } = call
    if (message._tag === "Chunk") {
      return Effect.andThen(
        this.#peer.room(),
        Effect.forEach(
          message.values,
          (value) =>
            Effect.map(Effect.orDie(codec.encodeValue(value)), (json) =>
              this.#say(this.#conversation.item(ref, method, json)),
            ),
          { discard: true },
        ),
      )
    }
    this.#calls.delete(message.requestId)
    if (ref.id !== undefined) this.#ids.delete(ref.id)
    if (message.exit._tag === "Failure") return this.#failed(call, Faults.ofCause(message.exit.cause))
    const { value } = message.exit
    if (codec.streams) return Effect.sync(() => this.#say(this.#conversation.success(ref, method, undefined)))
    return Effect.matchEffect(codec.encodeValue(value), {
      onFailure: () => this.#fail(ref, method, Faults.internal),
      onSuccess: (json) => Effect.sync(() => this.#say(this.#conversation.success(ref, method, json))),
    })
  }

  #failed({ codec, method, ref }: Call<R>, ended: Fault | { readonly error: unknown }): Effect.Effect<void> {
    if ("_tag" in ended) return this.#fail(ref, method, ended)
    return Effect.matchEffect(codec.encodeError(ended.error), {
      onFailure: () => this.#fail(ref, method, Faults.internal),
      onSuccess: (json) => this.#fail(ref, method, Faults.ofError(json as Tagged)),
    })
  }

  // Who is speaking

  #identify(ref: R, token: string | undefined, client: string | undefined): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.authenticate(token === undefined ? undefined : Redacted.make(token), client), {
      onFailure: (refusal) => this.#fail(ref, "authenticate", Faults.refused(refusal)),
      onSuccess: (principal) => this.#obeyAll(this.#conversation.identified(ref, principal)),
    })
  }

  // Events

  /** A subscription as a call: in flight until it is cancelled; its items come by the fan-out. */
  #subscribe(ref: R, { rpc }: MethodCodec, params: unknown): Effect.Effect<void> {
    const missingScope = Context.get(rpc.annotations, RequiredScope)
    if (missingScope !== undefined && !grants(this.#peer.principal?.scopes ?? [], missingScope)) {
      return this.#fail(ref, SUBSCRIBE, Faults.refused(new Forbidden({ method: SUBSCRIBE, missingScope })))
    }
    return Effect.matchEffect(decodeSubscription(params ?? {}), {
      onFailure: (error) => this.#fail(ref, SUBSCRIBE, { _tag: "InvalidParams", issue: error.message }),
      onSuccess: ({ from, ...filter }) => {
        const key = subscriptionKey(ref)
        if (ref.id !== undefined) this.#ids.set(ref.id, { _tag: "Subscription", ref, key })
        return this.#follow(key, filter, from)
      },
    })
  }

  #follow(key: string, filter: EventFilter, from: Position | undefined): Effect.Effect<void> {
    return Effect.andThen(
      this.#unfollow(key),
      Effect.map(
        Effect.forkIn(this.#host.fanout.follow(this.#peer, key, filter, from), this.#scope),
        (fiber) => void this.#following.set(key, fiber),
      ),
    )
  }

  #unfollow(key: string): Effect.Effect<void> {
    const fiber = this.#following.get(key)
    this.#following.delete(key)
    return fiber === undefined ? Done : Fiber.interrupt(fiber)
  }

  // What is said

  #fail(ref: R, method: string, fault: Fault): Effect.Effect<void> {
    return Effect.sync(() => this.#say(this.#conversation.failure(ref, method, fault)))
  }

  #say(text: string | undefined): void {
    if (text !== undefined) this.#peer.send(text)
  }
}
