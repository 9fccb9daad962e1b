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
import { finish, inOrder, type Unfinished } from "../connection/Unfinished.ts"
import type { FrameHandler } from "../connection/Wire.ts"
import type { Conversation, Inbound, Ref } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { seqOf } from "../dialect/Json.ts"
import { decodeSubscription, decodeUnsubscription, encodeError } from "../dialect/MethodCodecs.ts"
import { Contract, outcomeOf, type Query } from "../dialect/Query.ts"
import { type EventFeed, Subscriptions } from "../fanout/Subscriptions.ts"
import { CallsInFlight } from "./CallsInFlight.ts"
import type { Calls } from "./ContractCalls.ts"
import { forbidden, missingOf, subscriptionFault } from "./MissingScopes.ts"
import { ReplyWriter } from "./ReplyWriter.ts"
import type { SessionHost } from "./SessionHost.ts"

/** A slot may free up at any time; 100 ms keeps retries rare. */
const BUSY_RETRY_MS = 100

type CallRequest<R extends Ref> = Extract<Inbound<R>, { _tag: "Call" }>

export class DialectSession<R extends Ref, V> implements FrameHandler {
  readonly #host: SessionHost<V>
  readonly #peer: CallPeer
  #firstCalls: Calls | undefined = undefined
  readonly #conversation: Conversation<R, V>
  readonly #subscriptions: Subscriptions<V> | undefined
  readonly #replies: ReplyWriter<R, V>
  readonly #inFlight: CallsInFlight
  #lastSubscription = 0

  /**
   * `feed` is `undefined` for a client that receives replies only, and cannot subscribe. `scope` owns the calls and
   * subscriptions of the connection.
   */
  constructor(
    host: SessionHost<V>,
    peer: CallPeer,
    feed: EventFeed<V> | undefined,
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
      feed &&
      new Subscriptions(feed, scope, (key, at, reset) =>
        finish(this.#handleAll(conversation.joined?.(key, at, reset) ?? [])),
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
  greet(): Unfinished {
    return this.#handleAll(this.#conversation.greet(this.#peer.principal))
  }

  onFrames(frames: ReadonlyArray<string>): Unfinished {
    return inOrder(this.#peer, frames, (frame) => this.#onFrame(frame))
  }

  #onFrame(frame: string): Unfinished {
    try {
      const problem = shapeProblem(this.#host.limits.frameDepth, frame)
      const inbound = problem
        ? this.#conversation.unreadable(problem)
        : this.#conversation.read(frame, this.#peer.principal)
      // The calls of a batch share its size.
      return this.#exceedsRate(inbound)
        ? undefined
        : this.#handleAll(inbound, Math.ceil(frame.length / (inbound.length || 1)))
    } catch (bug) {
      return Effect.andThen(
        this.#replies.log("decoding a frame failed", bug),
        Effect.suspend(() => finish(this.#handleAll(this.#conversation.unreadable("bug")))),
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
  #handleAll(inbound: ReadonlyArray<Inbound<R, V>>, size = 0): Unfinished {
    return inOrder(this.#peer, inbound, (one) => this.#handle(one, size))
  }

  #handle(inbound: Inbound<R, V>, size: number): Unfinished {
    switch (inbound._tag) {
      case "Call": {
        const drain = size > 0 ? this.#peer.awaitDrain() : undefined
        if (drain === undefined) return this.#call(inbound, size)
        return this.#inFlight.after(drain, size, () => this.#call(inbound, size))
      }
      case "Cancel":
        this.#inFlight.cancel(inbound.id)
        return undefined
      case "Authenticate":
        return this.#authenticate(inbound.ref, inbound.token, inbound.client)
      case "Handshake":
        return this.#handshake(inbound)
      case "Subscribe":
        return this.#subscribeView(inbound)
      case "Unsubscribe":
        return this.#subscriptions && Effect.asVoid(this.#subscriptions.unsubscribe(inbound.key))
      case "Send":
        this.#peer.send(inbound.text)
        return undefined
      case "Close":
        this.#peer.close(inbound.code, inbound.detail)
        return undefined
    }
  }

  // Authentication

  #authenticate(ref: R, token: string | undefined, client: string | undefined): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.authenticate(token === undefined ? undefined : Redacted.make(token), client), {
      onFailure: (refusal) => finish(this.#replies.failure(ref, "authenticate", Faults.refused(refusal))),
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
          finish(this.#replies.failure(ref, "authenticate", Faults.ofError(json))),
        ),
      onSuccess: ({ issued, principal }) => this.#authenticated(ref, principal, issued),
    })
  }

  #authenticated(ref: R, principal: Principal, issued?: IssuedToken): Effect.Effect<void> {
    return finish(
      this.#replies.answer(ref, "authenticate", (conversation) => conversation.authenticated(ref, principal, issued)),
    )
  }

  // Calls

  /** Made at the first call, because many clients only listen. */
  get #calls(): Calls {
    return (this.#firstCalls ??= this.#host.callsOf(this.#peer.clientId))
  }

  #call(request: CallRequest<R>, size: number): Unfinished {
    const { method: name, params, ref } = request
    const method = this.#host.methods.get(name)
    const fault = this.#refusal(ref, size)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    switch (method?._tag) {
      case "Contract": {
        const { rpc, streams } = method.codec
        const call = streams
          ? this.#stream(ref, name, rpc._tag, params ?? {})
          : this.#calls.call(rpc._tag, params ?? {})
        return this.#start(request, call, size)
      }
      case "Own": {
        const missing = missingOf(this.#peer.principal, method.scope)
        if (missing !== undefined) return this.#replies.failure(ref, name, forbidden(name, missing))
        return this.#query(request, () => method.query(params ?? {}), size)
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
  #start({ method, ref, traceparent }: CallRequest<R>, call: Effect.Effect<unknown, Fault>, size: number): Unfinished {
    const run = Trace.within(call, traceparent)
    this.#inFlight.start({ id: ref.id, bytes: size, run, reply: (exit) => this.#reply(ref, method, exit) })
    return undefined
  }

  #reply(ref: R, name: string, exit: Exit.Exit<unknown, Fault>): Unfinished {
    if (Exit.isSuccess(exit)) {
      return this.#replies.success(ref, name, exit.value, this.#host.cache.json(exit.value))
    }
    const fault = Faults.ofExit(exit.cause)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    return Effect.andThen(
      this.#replies.log(`${name} failed`, exit.cause),
      Effect.suspend(() => finish(this.#replies.failure(ref, name, Faults.internal))),
    )
  }

  /** Sends the values of a stream. It waits while the client is backpressured. */
  #stream(ref: R, name: string, method: string, params: unknown): Effect.Effect<void, Fault> {
    return Stream.runForEachArray(this.#calls.stream(method, params), (values) =>
      Effect.andThen(
        this.#peer.awaitWritable(),
        Effect.suspend(() =>
          finish(inOrder(this.#peer, values, (value) => this.#replies.item(ref, name, value, seqOf(value)))),
        ),
      ),
    )
  }

  /** Runs a method of the dialect. It replies at once if the answer is in the cache or needs no call. */
  #query(request: CallRequest<R>, make: () => Query<unknown>, size: number): Unfinished {
    const { method: name, ref } = request
    const { principal } = this.#peer
    if (principal === undefined) return undefined
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
        return finish(this.#replies.item(ref, name, value, undefined))
      },
      answers,
    })
    // After an emitted value, the client receives the events that the call caused before its answer.
    const answer = Effect.tap(Effect.provideService(query, Contract, contract), () =>
      emitted ? (this.#subscriptions?.allPublished ?? Effect.void) : Effect.void,
    )
    return this.#start(request, answer, size)
  }

  // Subscriptions

  #subscribeView({ filter, from, key, view }: Extract<Inbound<R, V>, { _tag: "Subscribe" }>): Unfinished {
    if (this.#subscriptions === undefined || this.#peer.principal === undefined) return undefined
    return this.#subscriptions.subscribe(key, view, permitted(filter, this.#peer.principal.scopes), from)
  }

  #subscribe(ref: R, name: string, params: unknown): Unfinished {
    const subscriptions = this.#subscriptions
    const { subscriptionView } = this.#host
    if (subscriptions === undefined || subscriptionView === undefined)
      return this.#replies.failure(ref, name, { _tag: "UnknownMethod", method: name })
    const fault = subscriptionFault(this.#peer.principal, this.#peer.usage)
    if (fault !== undefined) return this.#replies.failure(ref, name, fault)
    return Effect.matchEffect(decodeSubscription(params), {
      onFailure: (error) => finish(this.#replies.failure(ref, name, Faults.invalidParams(error))),
      onSuccess: ({ from, ...filter }) => {
        // The call's id is free again after the reply, so the subscription needs another id.
        const subscription = `s${++this.#lastSubscription}`
        this.#inFlight.changed(1)
        const replied = this.#replies.success(ref, name, { subscription })
        const scopes = this.#peer.principal?.scopes ?? []
        const view = subscriptionView(subscription)
        return Effect.andThen(
          finish(replied),
          subscriptions.subscribe(subscription, view, permitted(filter, scopes), from),
        )
      },
    })
  }

  #unsubscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    return Effect.matchEffect(decodeUnsubscription(params), {
      onFailure: (error) => finish(this.#replies.failure(ref, name, Faults.invalidParams(error))),
      onSuccess: ({ subscription }) =>
        Effect.flatMap(this.#subscriptions?.unsubscribe(subscription) ?? Effect.succeed(false), (unsubscribed) => {
          if (unsubscribed) this.#inFlight.changed(-1)
          return finish(this.#replies.success(ref, name, { unsubscribed }))
        }),
    })
  }
}
