/**
 * One connection's conversation in a foreign dialect, carried out: calls are looked up, limited, decoded and run, and
 * how they end is worded by the dialect (Speech.ts). It knows no wire and no method.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { FromServer } from "effect/rpc/RpcMessage"
import type * as RpcServer from "effect/rpc/RpcServer"
import { type EventFilter, permitted, type Position } from "../../domain/Event.ts"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Limits } from "../../domain/Limits.ts"
import type { Principal } from "../../domain/Principal.ts"
import { RateLimited, Unauthenticated } from "../../domain/Refusal.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Conversation, Inbound, Ref } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import { CallsInFlight } from "./CallsInFlight.ts"
import { type Method, SUBSCRIBE } from "../dialect/DialectMethod.ts"
import * as Faults from "../dialect/Faults.ts"
import { type EventFeed, Subscriptions } from "../fanout/Subscriptions.ts"
import * as Query from "../dialect/Query.ts"
import { isDeeperThan } from "../connection/JsonDepth.ts"
import type { LocalCalls } from "./LocalCalls.ts"
import { decodeSubscription, decodeUnsubscription, encodeError, type MethodCodec } from "../dialect/MethodCodecs.ts"
import { forbidden, missingForEvents, missingOf } from "./MissingScopes.ts"
import { RpcRequests } from "./RpcRequests.ts"
import type { AnswerCache } from "./AnswerCache.ts"
import { ReplyWriter } from "./ReplyWriter.ts"
import type { CallPeer } from "../connection/Peer.ts"
import type { FrameHandler } from "../connection/Wire.ts"

/** What every exchange of a dialect shares. */
export interface SessionHost {
  readonly server: RpcServer.RpcServer<GatewayRpcs>
  readonly methods: ReadonlyMap<string, Method>
  readonly limits: Limits
  /** For methods of the dialect's own: what a method of the contract answers to the caller. */
  readonly call: LocalCalls["Service"]["call"]
  readonly shared: AnswerCache
  /** `undefined` for a client that receives replies only, and so cannot subscribe. */
  readonly feed: EventFeed | undefined
}

/** Nobody knows when a call ends; a client that waits this long has not asked in vain too often. */
const BUSY_RETRY_MS = 100

const Done = Effect.void

/** One by one. As a rule there is one. */
const inTurn = <A>(all: ReadonlyArray<A>, effect: (one: A) => Effect.Effect<void>): Effect.Effect<void> =>
  all.length === 1 ? effect(all[0]!) : Effect.forEach(all, effect, { discard: true })

export class DialectSession<R extends Ref> implements FrameHandler {
  readonly #host: SessionHost
  readonly #peer: CallPeer
  readonly #conversation: Conversation<R>
  readonly #scope: Scope.Scope
  readonly #subscriptions: Subscriptions | undefined
  readonly #requests: RpcRequests
  readonly #replies: ReplyWriter<R>
  readonly inFlight: CallsInFlight
  #lastSubscription = 0

  /** `scope`: what follows events or runs calls for this connection ends with it. */
  constructor(host: SessionHost, peer: CallPeer, conversation: Conversation<R>, scope: Scope.Scope) {
    this.#host = host
    this.#peer = peer
    this.#conversation = conversation
    this.#scope = scope
    this.inFlight = new CallsInFlight(peer)
    this.#requests = new RpcRequests(host.server, peer)
    this.#replies = new ReplyWriter(peer, conversation, (inbound) => this.#handleAll(inbound))
    this.#subscriptions =
      host.feed &&
      new Subscriptions(host.feed, scope, (key, at, reset) =>
        this.#handleAll(conversation.joined?.(key, at, reset) ?? []),
      )
  }

  callsInFlight(): number {
    return this.inFlight.size
  }

  sentSeq(): number | undefined {
    return this.#subscriptions?.sentSeq()
  }

  /** Waits until no call is in flight. */
  idle(): Effect.Effect<void> {
    return this.inFlight.none()
  }

  /** What the server says to this connection. */
  answer(message: FromServer<GatewayRpcs>): Effect.Effect<void> {
    return this.#requests.answer(message)
  }

  // What is heard

  greet(): Effect.Effect<void> {
    return this.#handleAll(this.#conversation.greet(this.#peer.principal))
  }

  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    return inTurn(frames, (frame) => this.#onFrame(frame))
  }

  #onFrame(frame: string): Effect.Effect<void> {
    try {
      const inbound = isDeeperThan(this.#host.limits.frameDepth, frame)
        ? this.#conversation.unreadable("too-deep")
        : this.#conversation.read(frame, this.#peer.principal)
      // The calls of a batch share its size.
      return this.#isTooMuch(inbound) ? Done : this.#handleAll(inbound, Math.ceil(frame.length / (inbound.length || 1)))
    } catch (bug) {
      return Effect.andThen(
        this.#replies.log("a frame was not read", bug),
        this.#handleAll(this.#conversation.unreadable("bug")),
      )
    }
  }

  /** Calls are counted where they are answered. What is said to any other frame costs as much. */
  #isTooMuch(inbound: ReadonlyArray<Inbound<R>>): boolean {
    if (inbound.some(({ _tag }) => _tag === "Call") || this.#peer.takeToken() === 0) return false
    this.#peer.close(CloseCodes.policy, "too many messages")
    return true
  }

  /** `size`: in characters, of what the client itself has sent, which counts towards its share. 0: the dialect asks. */
  #handleAll(inbound: ReadonlyArray<Inbound<R>>, size = 0): Effect.Effect<void> {
    return inTurn(inbound, (one) => this.#handle(one, size))
  }

  #handle(inbound: Inbound<R>, size: number): Effect.Effect<void> {
    switch (inbound._tag) {
      case "Call": {
        const call = () => this.#call(inbound.ref, inbound.method, inbound.params, size)
        const backlog = size > 0 ? this.#peer.awaitDrain() : undefined
        return backlog === undefined ? call() : this.#afterBacklog(backlog, size, call)
      }
      case "Cancel":
        return this.inFlight.cancel(inbound.id)
      case "Identify":
        return this.#authenticate(inbound.ref, inbound.token, inbound.client)
      case "Enter":
        return this.#handshake(inbound)
      case "Follow":
        return this.#subscribeKey(inbound.key, inbound.filter, inbound.from, inbound.wording)
      case "Unfollow":
        return this.#subscriptions === undefined ? Done : Effect.asVoid(this.#subscriptions.unsubscribe(inbound.key))
      case "Say":
        this.#peer.send(inbound.text)
        return Done
      case "Close":
        this.#peer.close(inbound.code, inbound.detail)
        return Done
    }
  }

  #authenticate(ref: R, token: string | undefined, client: string | undefined): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.authenticate(token === undefined ? undefined : Redacted.make(token), client), {
      onFailure: (refusal) => this.#replies.failure(ref, "authenticate", Faults.refused(refusal)),
      onSuccess: (principal) => this.#authenticated(ref, principal),
    })
  }

  #handshake({ client, credentials, profile, ref }: Extract<Inbound<R>, { _tag: "Enter" }>): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.handshake(credentials, client, profile), {
      onFailure: (error) =>
        Effect.flatMap(Effect.orDie(encodeError(error)), (json) =>
          this.#replies.failure(ref, "authenticate", Faults.ofError(json)),
        ),
      onSuccess: ({ issued, principal }) => this.#authenticated(ref, principal, issued),
    })
  }

  #authenticated(ref: R, principal: Principal, issued?: IssuedToken): Effect.Effect<void> {
    return this.#replies.answer(ref, "authenticate", (conversation) =>
      conversation.authenticated(ref, principal, issued),
    )
  }

  // Calls

  /** What waits counts to the principal's share, as it does in flight. */
  #afterBacklog(backlog: Effect.Effect<void>, size: number, call: () => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.inFlight.hold(size)
      return Effect.andThen(
        Effect.ensuring(
          backlog,
          Effect.sync(() => this.inFlight.hold(-size)),
        ),
        Effect.suspend(call),
      )
    })
  }

  #call(ref: R, name: string, params: unknown, size: number): Effect.Effect<void> {
    const method = this.#host.methods.get(name)
    const fault = this.#refusal(ref, size)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    switch (method?._tag) {
      case "Contract":
        return this.#callContract(ref, name, method.codec, params ?? {}, size)
      case "Own": {
        const missing = missingOf(this.#peer.principal, method.scope)
        if (missing !== undefined) return this.#replies.failure(ref, name, forbidden(name, missing))
        return this.#runQuery(ref, name, () => method.inquire(params ?? {}), size)
      }
      case "Subscribe":
        return this.#subscribe(ref, name, params ?? {})
      case "Unsubscribe":
        return this.#unsubscribe(ref, name, params ?? {})
      case undefined:
        return this.#replies.failure(ref, name, { _tag: "UnknownMethod", method: name })
    }
  }

  /** Why the call is not even looked at, if so. */
  #refusal(ref: R, size: number): Fault | undefined {
    const retryAfterMs = size > 0 ? this.#peer.takeToken() : 0
    if (retryAfterMs > 0) return Faults.refused(new RateLimited({ limit: "messages-per-second", retryAfterMs }))
    if (this.#peer.principal === undefined) return Faults.refused(new Unauthenticated({ reason: "missing" }))
    if (this.inFlight.has(ref.id)) return { _tag: "DuplicateId" }
    if (this.inFlight.size + (this.#subscriptions?.size ?? 0) < this.#host.limits.callsInFlight) {
      const refusal = this.#peer.usage?.callRefusal(size)
      return refusal && Faults.refused(refusal)
    }
    return Faults.refused(new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS }))
  }

  #end(ref: R, name: string, exit: Exit.Exit<unknown, Fault>, size: number): Effect.Effect<void> {
    this.inFlight.end(ref.id, size)
    return Effect.tap(this.#answer(ref, name, exit), () => {
      this.inFlight.settle()
      return Done
    })
  }

  #answer(ref: R, name: string, exit: Exit.Exit<unknown, Fault>): Effect.Effect<void> {
    if (Exit.isSuccess(exit)) return this.#replies.success(ref, name, exit.value)
    const fault = Exit.findErrorOption(exit)
    if (fault._tag === "Some") return this.#replies.failure(ref, name, fault.value)
    if (Exit.hasInterrupts(exit)) return this.#replies.failure(ref, name, { _tag: "Interrupted" })
    return Effect.andThen(
      this.#replies.log(`${name} failed`, exit.cause),
      this.#replies.failure(ref, name, Faults.internal),
    )
  }

  /** A method of the contract, as it is. */
  #callContract(ref: R, name: string, codec: MethodCodec, params: unknown, size: number): Effect.Effect<void> {
    return Effect.matchEffect(codec.decode(params), {
      onFailure: (error) => this.#replies.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: (payload) => {
        const { interrupt, send } = this.#requests.make(codec, payload, {
          item: (json, seq) => this.#replies.item(ref, name, json, seq),
          end: (exit) => this.#end(ref, name, exit, size),
        })
        this.inFlight.begin(ref.id, interrupt, size)
        return send
      },
    })
  }

  /** A method of the dialect's own. */
  #runQuery(ref: R, name: string, inquire: () => Query.Inquiry<unknown>, size: number): Effect.Effect<void> {
    const { dialect, id, principal } = this.#peer
    // Nobody comes as far without one.
    if (principal === undefined) return Done
    const recollection = this.#host.shared.of(principal.scopes)
    let begun: Query.Inquiry<unknown>
    try {
      begun = Query.begin(inquire(), recollection)
    } catch (bug) {
      return this.#answer(ref, name, Exit.die(bug))
    }
    if (begun._tag === "Known")
      return this.#replies.success(ref, name, begun.value, this.#host.shared.json(begun.value))
    if (begun._tag === "Failed") return this.#replies.failure(ref, name, begun.fault)

    return Effect.suspend(() => {
      let interrupt: (() => void) | undefined
      this.inFlight.begin(
        ref.id,
        Effect.sync(() => interrupt?.()),
        size,
      )
      let announced = false
      const hear = (value: unknown) => {
        announced = true
        return this.#replies.item(ref, name, value, undefined)
      }
      const call = (method: string, params: unknown) => this.#host.call({ id, dialect, principal }, method, params)
      // What was announced has happened before the client's eyes: it is not done before all of that is told.
      const calls = Effect.tap(Query.run(begun, call, hear, recollection), () =>
        announced ? (this.#host.feed?.fanout.allPublished ?? Done) : Done,
      )
      const life = Effect.onExit(calls, (exit) => this.#end(ref, name, exit, size))
      return Effect.map(Effect.forkIn(life, this.#scope, { startImmediately: true }), (fiber) => {
        interrupt = () => fiber.interruptUnsafe()
      })
    })
  }

  // Events

  #subscribeKey(key: string, filter: EventFilter, from: Position | undefined, wording?: string): Effect.Effect<void> {
    if (this.#subscriptions === undefined || this.#peer.principal === undefined) return Done
    return this.#subscriptions.subscribe(key, permitted(filter, this.#peer.principal.scopes), from, wording)
  }

  #subscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    const following = this.#subscriptions
    if (following === undefined) return this.#replies.failure(ref, name, { _tag: "UnknownMethod", method: name })
    const missing = missingForEvents(this.#peer.principal)
    if (missing !== undefined) return this.#replies.failure(ref, name, forbidden(SUBSCRIBE, missing))
    const refusal = this.#peer.usage?.subscriptionRefusal()
    if (refusal !== undefined) return this.#replies.failure(ref, name, Faults.refused(refusal))
    return Effect.matchEffect(decodeSubscription(params), {
      onFailure: (error) => this.#replies.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ from, ...filter }) => {
        // Not the call's id, which is free again once the call is answered.
        const subscription = `s${++this.#lastSubscription}`
        this.inFlight.subscribed(1)
        const answered = this.#replies.success(ref, name, { subscription })
        const held = this.#peer.principal?.scopes ?? []
        return Effect.andThen(answered, following.subscribe(subscription, permitted(filter, held), from))
      },
    })
  }

  #unsubscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    return Effect.matchEffect(decodeUnsubscription(params), {
      onFailure: (error) => this.#replies.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ subscription }) =>
        Effect.flatMap(this.#subscriptions?.unsubscribe(subscription) ?? Effect.succeed(false), (unsubscribed) => {
          if (unsubscribed) this.inFlight.subscribed(-1)
          return this.#replies.success(ref, name, { unsubscribed })
        }),
    })
  }
}
