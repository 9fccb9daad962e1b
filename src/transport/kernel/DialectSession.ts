/**
 * DialectSession: runs the conversation of one connection in a dialect. It handles the calls, authentications and
 * subscriptions that the dialect decodes from frames, and sends the replies that the dialect encodes. DialectServer.ts
 * opens one for each connection.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { permitted } from "../../domain/Event.ts"
import type { Principal } from "../../domain/Principal.ts"
import { RateLimited, Unauthenticated } from "../../domain/Refusal.ts"
import * as Trace from "../../services/traces/Trace.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import { shapeProblem } from "../connection/JsonShape.ts"
import type { CallPeer } from "../connection/Peer.ts"
import type { FrameHandler } from "../connection/Wire.ts"
import type { Conversation, Inbound, Ref } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { seqOf } from "../dialect/Json.ts"
import { decodeSubscription, decodeUnsubscription, encodeError } from "../dialect/MethodCodecs.ts"
import { Contract, outcomeOf, type Query } from "../dialect/Query.ts"
import { Subscriptions } from "../fanout/Subscriptions.ts"
import { CallsInFlight } from "./CallsInFlight.ts"
import type { Calls } from "./ContractCalls.ts"
import { forbidden, missingOf, subscriptionFault } from "./MissingScopes.ts"
import { ReplyWriter } from "./ReplyWriter.ts"
import type { SessionHost } from "./SessionHost.ts"

/** A slot may free up at any time; 100 ms keeps retries rare. */
const BUSY_RETRY_MS = 100

const Done = Effect.void

/** Runs the effects one after another. Most frames hold one request. */
const inOrder = <A>(all: ReadonlyArray<A>, effect: (one: A) => Effect.Effect<void>): Effect.Effect<void> =>
  all.length === 1 ? effect(all[0]!) : Effect.forEach(all, effect, { discard: true })

export class DialectSession<R extends Ref, V> implements FrameHandler {
  readonly #host: SessionHost<V>
  readonly #peer: CallPeer
  #firstCalls: Calls | undefined = undefined
  readonly #conversation: Conversation<R, V>
  readonly #subscriptions: Subscriptions<V> | undefined
  readonly #replies: ReplyWriter<R, V>
  readonly #inFlight: CallsInFlight
  #lastSubscription = 0

  /** `scope` owns the calls and subscriptions of the connection. */
  constructor(
    host: SessionHost<V>,
    peer: CallPeer,
    inFlight: CallsInFlight,
    conversation: Conversation<R, V>,
    scope: Scope.Scope,
  ) {
    this.#host = host
    this.#peer = peer
    this.#conversation = conversation
    this.#inFlight = inFlight
    this.#replies = new ReplyWriter(peer, conversation, (inbound) => this.#handleAll(inbound))
    this.#subscriptions =
      host.feed &&
      new Subscriptions(host.feed, scope, (key, at, reset) =>
        this.#handleAll(conversation.joined?.(key, at, reset) ?? []),
      )
  }

  callsInFlight(): number {
    return this.#inFlight.size
  }

  sentSeq(): number | undefined {
    return this.#subscriptions?.sentSeq()
  }

  /** Waits until no call is in flight. */
  idle(): Effect.Effect<void> {
    return this.#inFlight.none()
  }

  /** Ends what the connection counts and receives. It runs when the connection's scope has interrupted its calls. */
  release(): void {
    this.#inFlight.release()
    this.#subscriptions?.release()
  }

  // Frames

  /** Sends the greeting of the dialect, if it has one. */
  greet(): Effect.Effect<void> {
    return this.#handleAll(this.#conversation.greet(this.#peer.principal))
  }

  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    return inOrder(frames, (frame) => this.#onFrame(frame))
  }

  #onFrame(frame: string): Effect.Effect<void> {
    try {
      const problem = shapeProblem(this.#host.limits.frameDepth, frame)
      const inbound = problem
        ? this.#conversation.unreadable(problem)
        : this.#conversation.read(frame, this.#peer.principal)
      // The calls of a batch share its size.
      return this.#exceedsRate(inbound)
        ? Done
        : this.#handleAll(inbound, Math.ceil(frame.length / (inbound.length || 1)))
    } catch (bug) {
      return Effect.andThen(
        this.#replies.log("decoding a frame failed", bug),
        this.#handleAll(this.#conversation.unreadable("bug")),
      )
    }
  }

  /**
   * Returns whether a frame without calls exceeds the client's rate, and closes the connection if so. Such a frame
   * costs as much as a call. Calls take their token when they start.
   */
  #exceedsRate(inbound: ReadonlyArray<Inbound<R, V>>): boolean {
    if (inbound.some(({ _tag }) => _tag === "Call") || this.#peer.takeToken() === 0) return false
    this.#peer.close(CloseCodes.policy, "too many messages")
    return true
  }

  /** `size` is the number of characters that the client has sent, or 0 for requests of the dialect itself. */
  #handleAll(inbound: ReadonlyArray<Inbound<R, V>>, size = 0): Effect.Effect<void> {
    return inOrder(inbound, (one) => this.#handle(one, size))
  }

  #handle(inbound: Inbound<R, V>, size: number): Effect.Effect<void> {
    switch (inbound._tag) {
      case "Call": {
        const call = () =>
          Trace.within(this.#call(inbound.ref, inbound.method, inbound.params, size), inbound.traceparent)
        const drain = size > 0 ? this.#peer.awaitDrain() : undefined
        return drain === undefined ? call() : this.#after(drain, size, call)
      }
      case "Cancel":
        return this.#inFlight.cancel(inbound.id)
      case "Authenticate":
        return this.#authenticate(inbound.ref, inbound.token, inbound.client)
      case "Handshake":
        return this.#handshake(inbound)
      case "Subscribe":
        return this.#subscribeView(inbound)
      case "Unsubscribe":
        return this.#subscriptions === undefined ? Done : Effect.asVoid(this.#subscriptions.unsubscribe(inbound.key))
      case "Send":
        this.#peer.send(inbound.text)
        return Done
      case "Close":
        this.#peer.close(inbound.code, inbound.detail)
        return Done
    }
  }

  // Authentication

  #authenticate(ref: R, token: string | undefined, client: string | undefined): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.authenticate(token === undefined ? undefined : Redacted.make(token), client), {
      onFailure: (refusal) => this.#replies.failure(ref, "authenticate", Faults.refused(refusal)),
      onSuccess: (principal) => this.#authenticated(ref, principal),
    })
  }

  #handshake({
    client,
    credentials,
    profile,
    ref,
  }: Extract<Inbound<R, V>, { _tag: "Handshake" }>): Effect.Effect<void> {
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

  /** Made at the first call, because many clients only listen. */
  get #calls(): Calls {
    return (this.#firstCalls ??= this.#host.callsOf(this.#peer.clientId))
  }

  /** Starts the call after the outbox has drained. Until then its size counts towards the principal's limits. */
  #after(drain: Effect.Effect<void>, size: number, call: () => Effect.Effect<void>): Effect.Effect<void> {
    const released = Effect.sync(() => this.#inFlight.hold(-size))
    return Effect.suspend(() => {
      this.#inFlight.hold(size)
      return Effect.andThen(Effect.ensuring(drain, released), Effect.suspend(call))
    })
  }

  #call(ref: R, name: string, params: unknown, size: number): Effect.Effect<void> {
    const method = this.#host.methods.get(name)
    const fault = this.#refusal(ref, size)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    switch (method?._tag) {
      case "Contract": {
        const { rpc, streams } = method.codec
        const call = streams
          ? this.#stream(ref, name, rpc._tag, params ?? {})
          : this.#calls.call(rpc._tag, params ?? {})
        return this.#start(ref, name, call, size)
      }
      case "Own": {
        const missing = missingOf(this.#peer.principal, method.scope)
        if (missing !== undefined) return this.#replies.failure(ref, name, forbidden(name, missing))
        return this.#query(ref, name, () => method.query(params ?? {}), size)
      }
      case "Subscribe":
        return this.#subscribe(ref, name, params ?? {})
      case "Unsubscribe":
        return this.#unsubscribe(ref, name, params ?? {})
      case undefined:
        return this.#replies.failure(ref, name, { _tag: "UnknownMethod", method: name })
    }
  }

  /** Returns the fault if a limit, a missing authentication or a duplicate id forbids the call. */
  #refusal(ref: R, size: number): Fault | undefined {
    const retryAfterMs = size > 0 ? this.#peer.takeToken() : 0
    if (retryAfterMs > 0) return Faults.refused(new RateLimited({ limit: "messages-per-second", retryAfterMs }))
    if (this.#peer.principal === undefined) return Faults.refused(new Unauthenticated({ reason: "missing" }))
    if (this.#inFlight.has(ref.id)) return { _tag: "DuplicateId" }
    if (this.#inFlight.size + (this.#subscriptions?.size ?? 0) < this.#host.limits.callsInFlight) {
      const refusal = this.#peer.usage?.callRefusal(size)
      return refusal && Faults.refused(refusal)
    }
    return Faults.refused(new RateLimited({ limit: "calls-in-flight", retryAfterMs: BUSY_RETRY_MS }))
  }

  /** Starts a call and replies with its outcome. */
  #start(ref: R, name: string, run: Effect.Effect<unknown, Fault>, size: number): Effect.Effect<void> {
    return this.#inFlight.start({ id: ref.id, bytes: size, run, reply: (exit) => this.#reply(ref, name, exit) })
  }

  #reply(ref: R, name: string, exit: Exit.Exit<unknown, Fault>): Effect.Effect<void> {
    if (Exit.isSuccess(exit)) {
      return this.#replies.success(ref, name, exit.value, this.#host.cache.json(exit.value))
    }
    const fault = Exit.findErrorOption(exit)
    if (fault._tag === "Some") return this.#replies.failure(ref, name, fault.value)
    if (Exit.hasInterrupts(exit)) return this.#replies.failure(ref, name, { _tag: "Interrupted" })
    return Effect.andThen(
      this.#replies.log(`${name} failed`, exit.cause),
      this.#replies.failure(ref, name, Faults.internal),
    )
  }

  /** Sends the values of a stream. It waits while the client is backpressured. */
  #stream(ref: R, name: string, method: string, params: unknown): Effect.Effect<void, Fault> {
    return Stream.runForEachArray(this.#calls.stream(method, params), (values) =>
      Effect.andThen(
        this.#peer.awaitWritable(),
        Effect.forEach(values, (value) => this.#replies.item(ref, name, value, seqOf(value)), { discard: true }),
      ),
    )
  }

  /** Runs a method of the dialect. It replies at once if the answer is in the cache or needs no call. */
  #query(ref: R, name: string, make: () => Query<unknown>, size: number): Effect.Effect<void> {
    const { principal } = this.#peer
    if (principal === undefined) return Done
    const answers = this.#host.cache.of(principal.scopes)
    let query: Query<unknown>
    try {
      query = make()
    } catch (bug) {
      return this.#reply(ref, name, Exit.die(bug))
    }
    const known = answers.get(query)
    if (known !== undefined) return this.#reply(ref, name, Exit.succeed(known))
    const outcome = outcomeOf(query)
    if (outcome !== undefined) return this.#reply(ref, name, outcome)

    let emitted = false
    const contract = Contract.of({
      call: this.#calls.call,
      emit: (value) => {
        emitted = true
        return this.#replies.item(ref, name, value, undefined)
      },
      answers,
    })
    // After an emitted value, the client receives the events that the call caused before its answer.
    const answer = Effect.tap(Effect.provideService(query, Contract, contract), () =>
      emitted ? (this.#host.feed?.fanout.allPublished ?? Done) : Done,
    )
    return this.#start(ref, name, answer, size)
  }

  // Subscriptions

  #subscribeView({ filter, from, key, view }: Extract<Inbound<R, V>, { _tag: "Subscribe" }>): Effect.Effect<void> {
    if (this.#subscriptions === undefined || this.#peer.principal === undefined) return Done
    return this.#subscriptions.subscribe(key, view, permitted(filter, this.#peer.principal.scopes), from)
  }

  #subscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    const subscriptions = this.#subscriptions
    const { subscriptionView } = this.#host
    if (subscriptions === undefined || subscriptionView === undefined)
      return this.#replies.failure(ref, name, { _tag: "UnknownMethod", method: name })
    const fault = subscriptionFault(this.#peer.principal, this.#peer.usage)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    return Effect.matchEffect(decodeSubscription(params), {
      onFailure: (error) => this.#replies.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ from, ...filter }) => {
        // The call's id is free again after the reply, so the subscription needs another id.
        const subscription = `s${++this.#lastSubscription}`
        this.#inFlight.changed(1)
        const replied = this.#replies.success(ref, name, { subscription })
        const scopes = this.#peer.principal?.scopes ?? []
        const view = subscriptionView(subscription)
        return Effect.andThen(replied, subscriptions.subscribe(subscription, view, permitted(filter, scopes), from))
      },
    })
  }

  #unsubscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    return Effect.matchEffect(decodeUnsubscription(params), {
      onFailure: (error) => this.#replies.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ subscription }) =>
        Effect.flatMap(this.#subscriptions?.unsubscribe(subscription) ?? Effect.succeed(false), (unsubscribed) => {
          if (unsubscribed) this.#inFlight.changed(-1)
          return this.#replies.success(ref, name, { unsubscribed })
        }),
    })
  }
}
