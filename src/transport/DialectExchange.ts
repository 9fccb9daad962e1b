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
import { type EventFilter, permitted, type Position } from "../domain/Event.ts"
import type { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { Limits } from "../domain/Limits.ts"
import type { Principal } from "../domain/Principal.ts"
import { RateLimited, Unauthenticated } from "../domain/Refusal.ts"
import type { IssuedToken } from "../services/Devices.ts"
import { CloseCodes } from "./CloseCodes.ts"
import type { Conversation, Fault, Inbound, Ref } from "./Dialect.ts"
import { CallsInFlight } from "./CallsInFlight.ts"
import { type Method, SUBSCRIBE } from "./DialectMethods.ts"
import type { Fanout } from "./Fanout.ts"
import * as Faults from "./Faults.ts"
import { Following } from "./Following.ts"
import * as Inquiry from "./Inquiry.ts"
import { isDeeperThan } from "./JsonDepth.ts"
import type { LocalCalls } from "./LocalCalls.ts"
import { decodeSubscription, decodeUnsubscription, encodeError, type MethodCodec } from "./MethodCodecs.ts"
import { forbidden, missingForEvents, missingOf } from "./MissingScopes.ts"
import { Requests } from "./Requests.ts"
import type { SharedAnswers } from "./SharedAnswers.ts"
import { Speech } from "./Speech.ts"
import type { FrameHandler, Peer } from "./Wires.ts"

/** What every exchange of a dialect shares. */
export interface ExchangeHost {
  readonly server: RpcServer.RpcServer<GatewayRpcs>
  readonly methods: ReadonlyMap<string, Method>
  readonly limits: Limits
  /** For methods of the dialect's own: what a method of the contract answers to the caller. */
  readonly call: LocalCalls["Service"]["call"]
  readonly shared: SharedAnswers
  /** Undefined: nothing can be told here that was not asked for, so that nothing can be followed. */
  readonly fanout: Fanout | undefined
}

/** Nobody knows when a call ends; a client that waits this long has not asked in vain too often. */
const BUSY_RETRY_MS = 100

const Done = Effect.void

/** One by one. As a rule there is one. */
const inTurn = <A>(all: ReadonlyArray<A>, effect: (one: A) => Effect.Effect<void>): Effect.Effect<void> =>
  all.length === 1 ? effect(all[0]!) : Effect.forEach(all, effect, { discard: true })

export class DialectExchange<R extends Ref> implements FrameHandler {
  readonly #host: ExchangeHost
  readonly #peer: Peer
  readonly #conversation: Conversation<R>
  readonly #scope: Scope.Scope
  readonly #following: Following | undefined
  readonly #requests: Requests
  readonly #speech: Speech<R>
  readonly inFlight: CallsInFlight
  #lastSubscription = 0

  /** `scope`: what follows events or runs calls for this connection ends with it. */
  constructor(host: ExchangeHost, peer: Peer, conversation: Conversation<R>, scope: Scope.Scope) {
    this.#host = host
    this.#peer = peer
    this.#conversation = conversation
    this.#scope = scope
    this.inFlight = new CallsInFlight(peer)
    this.#requests = new Requests(host.server, peer)
    this.#speech = new Speech(peer, conversation, (inbound) => this.#obeyAll(inbound))
    this.#following =
      host.fanout &&
      new Following(peer, host.fanout, scope, (key, at, reset) =>
        this.#obeyAll(conversation.joined?.(key, at, reset) ?? []),
      )
  }

  callsInFlight(): number {
    return this.inFlight.size
  }

  sentSeq(): number | undefined {
    return this.#following?.sentSeq()
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
    return this.#obeyAll(this.#conversation.greet(this.#peer.principal))
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
      return this.#isTooMuch(inbound) ? Done : this.#obeyAll(inbound, Math.ceil(frame.length / (inbound.length || 1)))
    } catch (bug) {
      return Effect.andThen(
        this.#speech.log("a frame was not read", bug),
        this.#obeyAll(this.#conversation.unreadable("bug")),
      )
    }
  }

  /** Calls are counted where they are answered. What is said to any other frame costs as much. */
  #isTooMuch(inbound: ReadonlyArray<Inbound<R>>): boolean {
    if (inbound.some(({ _tag }) => _tag === "Call") || this.#peer.admit() === 0) return false
    this.#peer.close(CloseCodes.policy, "too many messages")
    return true
  }

  /** `size`: in characters, of what the client itself has sent, which counts towards its share. 0: the dialect asks. */
  #obeyAll(inbound: ReadonlyArray<Inbound<R>>, size = 0): Effect.Effect<void> {
    return inTurn(inbound, (one) => this.#obey(one, size))
  }

  #obey(inbound: Inbound<R>, size: number): Effect.Effect<void> {
    switch (inbound._tag) {
      case "Call": {
        const call = () => this.#call(inbound.ref, inbound.method, inbound.params, size)
        const backlog = size > 0 ? this.#peer.backlog() : undefined
        return backlog === undefined ? call() : this.#afterBacklog(backlog, size, call)
      }
      case "Cancel":
        return this.inFlight.cancel(inbound.id)
      case "Identify":
        return this.#identify(inbound.ref, inbound.token, inbound.client)
      case "Enter":
        return this.#enter(inbound)
      case "Follow":
        return this.#follow(inbound.key, inbound.filter, inbound.from, inbound.wording)
      case "Unfollow":
        return this.#following === undefined ? Done : Effect.asVoid(this.#following.unfollow(inbound.key))
      case "Say":
        this.#peer.send(inbound.text)
        return Done
      case "Close":
        this.#peer.close(inbound.code, inbound.detail)
        return Done
    }
  }

  #identify(ref: R, token: string | undefined, client: string | undefined): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.authenticate(token === undefined ? undefined : Redacted.make(token), client), {
      onFailure: (refusal) => this.#speech.failure(ref, "authenticate", Faults.refused(refusal)),
      onSuccess: (principal) => this.#identified(ref, principal),
    })
  }

  #enter({ client, credentials, profile, ref }: Extract<Inbound<R>, { _tag: "Enter" }>): Effect.Effect<void> {
    return Effect.matchEffect(this.#peer.enter(credentials, client, profile), {
      onFailure: (error) =>
        Effect.flatMap(Effect.orDie(encodeError(error)), (json) =>
          this.#speech.failure(ref, "authenticate", Faults.ofError(json)),
        ),
      onSuccess: ({ issued, principal }) => this.#identified(ref, principal, issued),
    })
  }

  #identified(ref: R, principal: Principal, issued?: IssuedToken): Effect.Effect<void> {
    return this.#speech.answer(ref, "authenticate", (conversation) => conversation.identified(ref, principal, issued))
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
    if (fault !== undefined) return this.#speech.failure(ref, name, fault)
    switch (method?._tag) {
      case "Contract":
        return this.#ask(ref, name, method.codec, params ?? {}, size)
      case "Own": {
        const missing = missingOf(this.#peer.principal, method.scope)
        if (missing !== undefined) return this.#speech.failure(ref, name, forbidden(name, missing))
        return this.#inquire(ref, name, () => method.inquire(params ?? {}), size)
      }
      case "Subscribe":
        return this.#subscribe(ref, name, params ?? {})
      case "Unsubscribe":
        return this.#unsubscribe(ref, name, params ?? {})
      case undefined:
        return this.#speech.failure(ref, name, { _tag: "UnknownMethod", method: name })
    }
  }

  /** Why the call is not even looked at, if so. */
  #refusal(ref: R, size: number): Fault | undefined {
    const retryAfterMs = size > 0 ? this.#peer.admit() : 0
    if (retryAfterMs > 0) return Faults.refused(new RateLimited({ limit: "messages-per-second", retryAfterMs }))
    if (this.#peer.principal === undefined) return Faults.refused(new Unauthenticated({ reason: "missing" }))
    if (this.inFlight.has(ref.id)) return { _tag: "DuplicateId" }
    if (this.inFlight.size + (this.#following?.size ?? 0) < this.#host.limits.callsInFlight) {
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
    if (Exit.isSuccess(exit)) return this.#speech.success(ref, name, exit.value)
    const fault = Exit.findErrorOption(exit)
    if (fault._tag === "Some") return this.#speech.failure(ref, name, fault.value)
    if (Exit.hasInterrupts(exit)) return this.#speech.failure(ref, name, { _tag: "Interrupted" })
    return Effect.andThen(
      this.#speech.log(`${name} failed`, exit.cause),
      this.#speech.failure(ref, name, Faults.internal),
    )
  }

  /** A method of the contract, as it is. */
  #ask(ref: R, name: string, codec: MethodCodec, params: unknown, size: number): Effect.Effect<void> {
    return Effect.matchEffect(codec.decode(params), {
      onFailure: (error) => this.#speech.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: (payload) => {
        const { interrupt, send } = this.#requests.make(codec, payload, {
          item: (json, seq) => this.#speech.item(ref, name, json, seq),
          end: (exit) => this.#end(ref, name, exit, size),
        })
        this.inFlight.begin(ref.id, interrupt, size)
        return send
      },
    })
  }

  /** A method of the dialect's own. */
  #inquire(ref: R, name: string, inquire: () => Inquiry.Inquiry<unknown>, size: number): Effect.Effect<void> {
    const { dialect, id, principal } = this.#peer
    // Nobody comes as far without one.
    if (principal === undefined) return Done
    const recollection = this.#host.shared.of(principal.scopes)
    let begun: Inquiry.Inquiry<unknown>
    try {
      begun = Inquiry.begin(inquire(), recollection)
    } catch (bug) {
      return this.#answer(ref, name, Exit.die(bug))
    }
    if (begun._tag === "Known") return this.#speech.success(ref, name, begun.value, this.#host.shared.json(begun.value))
    if (begun._tag === "Failed") return this.#speech.failure(ref, name, begun.fault)

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
        return this.#speech.item(ref, name, value, undefined)
      }
      const call = (method: string, params: unknown) => this.#host.call({ id, dialect, principal }, method, params)
      // What was announced has happened before the client's eyes: it is not done before all of that is told.
      const calls = Effect.tap(Inquiry.run(begun, call, hear, recollection), () =>
        announced ? (this.#host.fanout?.told ?? Done) : Done,
      )
      const life = Effect.onExit(calls, (exit) => this.#end(ref, name, exit, size))
      return Effect.map(Effect.forkIn(life, this.#scope, { startImmediately: true }), (fiber) => {
        interrupt = () => fiber.interruptUnsafe()
      })
    })
  }

  // Events

  #follow(key: string, filter: EventFilter, from: Position | undefined, wording?: string): Effect.Effect<void> {
    if (this.#following === undefined || this.#peer.principal === undefined) return Done
    return this.#following.follow(key, permitted(filter, this.#peer.principal.scopes), from, wording)
  }

  #subscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    const following = this.#following
    if (following === undefined) return this.#speech.failure(ref, name, { _tag: "UnknownMethod", method: name })
    const missing = missingForEvents(this.#peer.principal)
    if (missing !== undefined) return this.#speech.failure(ref, name, forbidden(SUBSCRIBE, missing))
    const refusal = this.#peer.usage?.subscriptionRefusal()
    if (refusal !== undefined) return this.#speech.failure(ref, name, Faults.refused(refusal))
    return Effect.matchEffect(decodeSubscription(params), {
      onFailure: (error) => this.#speech.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ from, ...filter }) => {
        // Not the call's id, which is free again once the call is answered.
        const subscription = `s${++this.#lastSubscription}`
        this.inFlight.subscribed(1)
        const answered = this.#speech.success(ref, name, { subscription })
        const held = this.#peer.principal?.scopes ?? []
        return Effect.andThen(answered, following.follow(subscription, permitted(filter, held), from))
      },
    })
  }

  #unsubscribe(ref: R, name: string, params: unknown): Effect.Effect<void> {
    return Effect.matchEffect(decodeUnsubscription(params), {
      onFailure: (error) => this.#speech.failure(ref, name, Faults.invalidParams(error)),
      onSuccess: ({ subscription }) =>
        Effect.flatMap(this.#following?.unfollow(subscription) ?? Effect.succeed(false), (unsubscribed) => {
          if (unsubscribed) this.inFlight.subscribed(-1)
          return this.#speech.success(ref, name, { unsubscribed })
        }),
    })
  }
}
