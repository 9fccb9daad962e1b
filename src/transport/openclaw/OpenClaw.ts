/**
 * OpenClaw: protocols 3 and 4 of OpenClaw as a dialect. A connection begins with a challenge, `connect` and hello-ok;
 * requests and events follow. See Handshake.ts, Methods.ts and Events.ts, and docs/protocol/openclaw.md for the protocol.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { Position, ResetReason } from "../../domain/Event.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { Limits } from "../../domain/Limits.ts"
import { grants, type Principal } from "../../domain/Principal.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import { type CloseCode, CloseCodes } from "../connection/CloseCodes.ts"
import { shapeProblems } from "../connection/JsonShape.ts"
import type { ConnectionFacts, Conversation, Dialect, Inbound, Ref, Reply, Unreadable } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import { type Interests, interestsOf, filterOf, FULL_MESSAGE, apply, isFull, interestsKey } from "./events/Interests.ts"
import { nameOf, profileOf, resumed } from "./handshake/Connect.ts"
import { ofFault } from "./wire/Errors.ts"
import { keepAliveFrames, encode, encodeText, TEXT_MS } from "./events/Events.ts"
import {
  type Flavor,
  type ErrorShape,
  NO_ID,
  numberEvents,
  readFrame,
  writeChallenge,
  writeError,
  writeJson,
  writeResult,
} from "./wire/Frames.ts"
import { type ConnectRequest, readHandshake } from "./handshake/Handshake.ts"
import { hello, snapshot, TICK_MS } from "./handshake/Hello.ts"
import { methods } from "./methods/Methods.ts"
import { PresenceAtHello } from "./methods/Presence.ts"
import { positioned } from "./events/Positions.ts"
import * as HandshakeErrors from "./handshake/HandshakeErrors.ts"
import { canonicalKey } from "./methods/SessionKeys.ts"

export interface OpenClawRef extends Ref {
  readonly id: string
}

type In = Inbound<OpenClawRef, View>
type Inbounds = ReadonlyArray<In>

export interface OpenClawOptions {
  /** The option `openclaw.strict`. */
  readonly strict: boolean
  readonly limits: Limits
  /** The option `attachments`. */
  readonly attachments: GatewaySettings["attachments"]
}

interface View {
  readonly interests: Interests
  /** Whether frames have the position of their event. Clients that resume need it, and other clients reject it. */
  readonly hasPositions: boolean
}

/** The key of the connection's only subscription. */
const SUBSCRIPTION = "events"

/** The kernel calls this method for the snapshot of hello-ok. Clients can call it only as their first request. */
const CONNECT = "connect"

/** The largest number of frames that a client may send before hello-ok. */
const EARLY_FRAMES = 16

/** The gateway closes the connection of a node after this many calls of methods for operators. */
const NODE_FAILURES = 10

const send = (text: string): In => ({ _tag: "Send", text })

const close = (code: CloseCode): In => ({ _tag: "Close", code })

/** Returns the first interests of a client. A client that resumes has its former subscriptions. */
const firstInterests = ({ connect, flavor, protocol }: ConnectRequest, { scopes }: Principal): Interests => {
  const { messages, sessions } = resumed(connect) ?? {}
  const { caps, client } = connect
  const readsParams = flavor === "control-center"
  const mayRead = grants(scopes, "operator.read")
  const initial = interestsOf({ protocol, clientId: client.id, caps: caps ?? [], readsParams, mayRead })
  const subscribed = sessions === true ? apply(initial, "sessions.subscribe", {}) : initial
  return (messages ?? []).reduce(
    (interests, key) => apply(interests, "sessions.messages.subscribe", { key: canonicalKey(key) }),
    subscribed,
  )
}

/** A client that the kernel has authenticated, while the snapshot of its hello-ok is made. */
interface PendingHello {
  readonly request: ConnectRequest
  readonly principal: Principal
  readonly issued: IssuedToken | undefined
  /** Requests that arrived meanwhile. */
  readonly earlyFrames: Array<string>
}

class OpenClawConversation implements Conversation<OpenClawRef, View> {
  readonly #facts: ConnectionFacts
  readonly #options: OpenClawOptions
  readonly #presence: PresenceAtHello
  readonly #nonce = randomUUID()
  /** The client's `connect`, from its check until hello-ok. */
  #request: ConnectRequest | undefined = undefined
  #flavor: Flavor = 4
  #isNode = false
  #pendingHello: PendingHello | undefined = undefined
  /** `undefined` until hello-ok. */
  #interests: Interests | undefined = undefined
  #hasPositions = false
  #nodeFailures = 0

  constructor(facts: ConnectionFacts, options: OpenClawOptions, presence: PresenceAtHello) {
    this.#facts = facts
    this.#options = options
    this.#presence = presence
  }

  greet(): Inbounds {
    return [send(writeChallenge(this.#nonce, this.#facts.now()))]
  }

  read(text: string): Inbounds {
    if (this.#interests !== undefined) return this.#readRequest(text)
    if (this.#request === undefined) return this.#readConnect(text)
    const earlyFrames = this.#pendingHello?.earlyFrames
    if (earlyFrames !== undefined && earlyFrames.length < EARLY_FRAMES) {
      earlyFrames.push(text)
      return []
    }
    return [close(HandshakeErrors.tooManyFrames.close)]
  }

  // The handshake

  #readConnect(text: string): Inbounds {
    const { now, origin, stopping } = this.#facts
    const { strict } = this.#options
    const handshake = readHandshake(text, {
      nonce: this.#nonce,
      now: now(),
      strict,
      originAllowed: origin.originAllowed,
      stopping,
    })
    if (handshake._tag === "Failed") return this.#endHandshake(handshake.flavor, handshake.id, handshake.failure)
    const { credentials, ...request } = handshake
    this.#request = request
    this.#flavor = request.flavor
    this.#isNode = request.connect.role === "node"
    const { connect, id } = request
    return [{ _tag: "Handshake", ref: { id }, credentials, client: nameOf(connect), profile: profileOf(connect) }]
  }

  #endHandshake(flavor: Flavor, id: string | undefined, failure: HandshakeErrors.HandshakeError): Inbounds {
    const { close: code, error } = failure
    if (error === undefined || id === undefined) return [close(code)]
    return [send(writeError(flavor, id, error)), close(code)]
  }

  authenticated(ref: OpenClawRef, principal: Principal, issued?: IssuedToken): Inbounds {
    this.#pendingHello = { request: this.#request!, principal, issued, earlyFrames: [] }
    const mayRead = grants(principal.scopes, "operator.read")
    return [{ _tag: "Call", ref, method: CONNECT, params: { mayRead } }]
  }

  #hello(pending: PendingHello, snapshot: string): Inbounds {
    const { earlyFrames, issued, principal, request } = pending
    const { connect, flavor, id, protocol } = request
    const { connectionId, head, now, present } = this.#facts
    const from = resumed(connect)
    const resumeError = from === undefined ? null : this.#facts.resumeError(from)
    const position = head()
    const { attachments, limits } = this.#options
    const facts = { connect, protocol, connectionId, principal, issued, limits, attachments, position, resumeError }
    const presence = grants(principal.scopes, "operator.read") ? this.#presence.text(present, now()) : "[]"
    const answer = hello(facts, snapshot, presence)
    const named = flavor === "control-center" ? `{"connId":${JSON.stringify(connectionId)},${answer.slice(1)}` : answer
    const interests = firstInterests(request, principal)
    this.#hasPositions = connect.resume != null
    this.#interests = interests
    this.#facts.subscriptions.changed(interests.keys.length)
    this.#pendingHello = undefined
    this.#request = undefined
    const start =
      from === undefined || resumeError !== null
        ? position
        : { epoch: from.epoch, seq: Math.min(from.seq, position.seq) }
    return [
      send(writeJson(flavor, id, named)),
      this.#subscribe(interests, start),
      ...earlyFrames.flatMap((text) => this.#readRequest(text)),
    ]
  }

  /** Without a position, the subscription continues where it is. */
  #subscribe(interests: Interests, from?: Position): In {
    const view = { interests, hasPositions: this.#hasPositions }
    return { _tag: "Subscribe", key: SUBSCRIPTION, view, filter: filterOf(interests), from }
  }

  /** Closes a client that could resume at hello-ok, if retention has removed events before their replay. */
  joined(_key: string, _position: Position, reset: ResetReason | null): Inbounds {
    return reset === null ? [] : [close({ ...CloseCodes.tryAgainLater, reason: "what was missed is gone" })]
  }

  // Requests

  #invalid(id: string, message: string): Inbounds {
    return [send(writeError(this.#flavor, id, { code: "INVALID_REQUEST", message }))]
  }

  #readRequest(text: string): Inbounds {
    const frame = readFrame(text, this.#options.strict)
    switch (frame._tag) {
      case "Malformed":
        return []
      case "Invalid":
        return this.#invalid(frame.id ?? NO_ID, `invalid request frame: ${frame.issue}`)
      case "Request": {
        const { id, method, params, traceparent } = frame
        if (method === CONNECT) return this.#invalid(id, "connect is only valid as the first request")
        return [{ _tag: "Call", ref: { id }, method, params, traceparent }]
      }
    }
  }

  unreadable(why: Unreadable): Inbounds {
    if (this.#interests === undefined) return [close(HandshakeErrors.notARequest.close)]
    return this.#invalid(NO_ID, `invalid request frame: ${why === "bug" ? "internal error" : shapeProblems[why]}`)
  }

  // Answers

  success(ref: OpenClawRef, method: string, value: unknown, json?: () => string): Reply<OpenClawRef, View> {
    if (this.#pendingHello !== undefined) return this.#hello(this.#pendingHello, json?.() ?? JSON.stringify(value))
    const interests = this.#interests!
    if (isFull(interests, method, value)) return this.#invalid(ref.id, FULL_MESSAGE)
    const text = writeResult(this.#flavor, ref.id, value, json)
    const next = apply(interests, method, value)
    if (next === interests) return text
    const added = next.keys.length - interests.keys.length
    const refusal = added > 0 ? this.#facts.subscriptions.refusal() : undefined
    if (refusal !== undefined) return this.failure(ref, method, Faults.refused(refusal))
    this.#facts.subscriptions.changed(added)
    this.#interests = next
    return [send(text), this.#subscribe(next)]
  }

  item({ id }: OpenClawRef, _method: string, value: unknown): string {
    return writeResult(this.#flavor, id, value)
  }

  failure({ id }: OpenClawRef, method: string, fault: Fault): Reply<OpenClawRef, View> {
    const request = this.#request
    if (request !== undefined) {
      const { connect, flavor } = request
      return this.#endHandshake(flavor, request.id, HandshakeErrors.notAdmitted(fault, connect, flavor))
    }
    // With the id of the request in flight, the error would count as its answer.
    const answerId = fault._tag === "DuplicateId" ? NO_ID : id
    if (this.#isForOperators(fault)) return this.#failNode(answerId)
    return writeError(this.#flavor, answerId, ofFault(this.#flavor, method, fault))
  }

  /** Whether a node has called a method for operators. */
  #isForOperators(fault: Fault): boolean {
    return fault._tag === "Denied" && fault.refusal._tag === "Forbidden" && this.#isNode
  }

  #failNode(id: string): Inbounds {
    const error: ErrorShape = { code: "INVALID_REQUEST", message: "unauthorized role: node" }
    const answer = send(writeError(this.#flavor, id, error))
    if (++this.#nodeFailures < NODE_FAILURES) return [answer]
    return [answer, close({ ...CloseCodes.policy, reason: "repeated unauthorized calls" })]
  }
}

const withConnect: ReadonlyMap<string, Method> = new Map([
  ...methods,
  [CONNECT, dialectMethod(Schema.Struct({ mayRead: Schema.Boolean }), ({ mayRead }) => snapshot(mayRead))],
])

export const openClaw = (options: OpenClawOptions): Dialect<OpenClawRef, View> => {
  const presence = new PresenceAtHello()
  return {
    name: "openclaw",
    traits: {
      handshake: true,
      greets: true,
      binary: true,
      stamp: numberEvents,
      closes: new Map<CloseCode, CloseCode>([
        [CloseCodes.handshakeTimeout, { ...CloseCodes.policy, reason: "handshake timeout" }],
        [CloseCodes.slowConsumer, { ...CloseCodes.policy, reason: "slow consumer" }],
        [CloseCodes.restart, { ...CloseCodes.restart, reason: "service restart" }],
      ]),
    },
    methods: withConnect,
    converse: (facts) => new OpenClawConversation(facts, options, presence),
    viewKey: ({ hasPositions, interests }) => `${hasPositions ? "+" : "-"}${interestsKey(interests)}`,
    event: ({ hasPositions, interests }, item) => {
      const frames = encode(interests, item)
      return hasPositions ? positioned(frames, item.seq) : frames
    },
    textThrottle: { everyMs: TEXT_MS, frames: ({ interests }, text) => encodeText(interests, text) },
    keepAlive: { everyMs: TICK_MS, frames: ({ interests }, now) => keepAliveFrames(interests, now) },
  }
}
