/**
 * OpenClaw's protocol, 3 and 4, as a dialect: a challenge, `connect`, hello-ok, then requests and events. What can be
 * called is Methods.ts, what is told Events.ts, who gets in Handshake.ts; docs/protocol/openclaw.md has it all.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { Position, ResetReason } from "../../domain/Event.ts"
import type { Limits } from "../../domain/Limits.ts"
import { grants, type Principal } from "../../domain/Principal.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import { type CloseCode, CloseCodes } from "../connection/CloseCodes.ts"
import type { ConnectionFacts, Conversation, Dialect, Inbound, Ref, Reply, Unreadable } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import { type Interests, interestsOf, filterOf, FULL, apply, isFull, interestsKey } from "./events/Interests.ts"
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
  writeResult,
} from "./wire/Frames.ts"
import { type ConnectRequest, readHandshake } from "./handshake/Handshake.ts"
import { hello, snapshot, TICK_MS } from "./handshake/Hello.ts"
import { methods } from "./methods/Methods.ts"
import { positioned } from "./events/Positions.ts"
import * as HandshakeErrors from "./handshake/HandshakeErrors.ts"
import { canonicalKey } from "./methods/SessionKeys.ts"

export interface OpenClawRef extends Ref {
  readonly id: string
}

type In = Inbound<OpenClawRef, View>
type Inbounds = ReadonlyArray<In>

export interface OpenClawOptions {
  /** As `openclaw.strict` of the configuration. */
  readonly strict: boolean
  readonly limits: Limits
}

interface View {
  readonly interests: Interests
  /** Whether frames carry the position of their event. Clients that resume need it; strict clients refuse it. */
  readonly hasPositions: boolean
}

/** The one thing that a connection follows. */
const FOLLOWED = "events"

/** Asks for the snapshot of hello-ok. A client that calls it is told that it has connected already. */
const CONNECT = "connect"

/** Frames that a client may send before hello-ok. */
const FRAMES_HELD = 16

/** A node that goes on calling what is not for nodes is sent away. */
const NODE_REFUSALS = 10

const send = (text: string): In => ({ _tag: "Send", text })

const close = (code: CloseCode): In => ({ _tag: "Close", code })

/** What a client hears from the beginning: if it resumes, also what it had subscribed to. */
const audienceFor = ({ connect, era, protocol }: ConnectRequest, { scopes }: Principal): Interests => {
  const { messages, sessions } = resumed(connect) ?? {}
  const { caps, client } = connect
  const readsParams = era === "control-center"
  const mayRead = grants(scopes, "operator.read")
  const begun = interestsOf({ protocol, clientId: client.id, caps: caps ?? [], readsParams, mayRead })
  const subscribed = sessions === true ? apply(begun, "sessions.subscribe", {}) : begun
  const hear = (audience: Interests, key: string) =>
    apply(audience, "sessions.messages.subscribe", { key: canonicalKey(key) })
  return (messages ?? []).reduce(hear, subscribed)
}

/** The client is in, and hello-ok is on its way. */
interface Welcome {
  readonly newcomer: ConnectRequest
  readonly principal: Principal
  readonly issued: IssuedToken | undefined
  /** What it has sent meanwhile. */
  readonly held: Array<string>
}

class OpenClawConversation implements Conversation<OpenClawRef, View> {
  readonly #facts: ConnectionFacts
  readonly #options: OpenClawOptions
  readonly #nonce = randomUUID()
  #newcomer: ConnectRequest | undefined = undefined
  #welcome: Welcome | undefined = undefined
  /** What it hears, once it is in. */
  #audience: Interests | undefined = undefined
  #placed = false
  #nodeRefusals = 0

  constructor(facts: ConnectionFacts, options: OpenClawOptions) {
    this.#facts = facts
    this.#options = options
  }

  greet(): Inbounds {
    return [send(writeChallenge(this.#nonce, this.#facts.now()))]
  }

  read(text: string): Inbounds {
    if (this.#audience !== undefined) return this.#readRequest(text)
    if (this.#newcomer === undefined) return this.#readConnect(text)
    const held = this.#welcome?.held
    if (held !== undefined && held.length < FRAMES_HELD) {
      held.push(text)
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
      stopping: stopping(),
    })
    if (handshake._tag === "Refuse") return this.#refuse(handshake.era, handshake.id, handshake.refusal)
    const { credentials, ...newcomer } = handshake
    this.#newcomer = newcomer
    const { connect, id } = newcomer
    return [{ _tag: "Handshake", ref: { id }, credentials, client: nameOf(connect), profile: profileOf(connect) }]
  }

  #refuse(era: Flavor, id: string | undefined, { close: code, error }: HandshakeErrors.HandshakeError): Inbounds {
    return [...(error === undefined || id === undefined ? [] : [send(writeError(era, id, error))]), close(code)]
  }

  authenticated(ref: OpenClawRef, principal: Principal, issued?: IssuedToken): Inbounds {
    this.#welcome = { newcomer: this.#newcomer!, principal, issued, held: [] }
    const mayRead = grants(principal.scopes, "operator.read")
    return [{ _tag: "Call", ref, method: CONNECT, params: { mayRead } }]
  }

  #hello(welcome: Welcome, answer: unknown): Inbounds {
    const { held, issued, newcomer, principal } = welcome
    const { connect, era, id, protocol } = newcomer
    const { connectionId, head, resumeError } = this.#facts
    const from = resumed(connect)
    const reason = from === undefined ? null : resumeError(from)
    const position = head()
    const facts = { connect, protocol, connectionId, principal, issued, limits: this.#options.limits, position }
    const told = hello({ ...facts, lost: reason }, answer)
    const audience = audienceFor(newcomer, principal)
    this.#placed = connect.resume != null
    this.#audience = audience
    this.#facts.subscriptions.changed(audience.keys.length)
    this.#welcome = undefined
    return [
      send(writeResult(era, id, era === "control-center" ? { connId: connectionId, ...told } : told)),
      this.#follow(audience, from === undefined || reason !== null ? position : { epoch: from.epoch, seq: from.seq }),
      ...held.flatMap((text) => this.#readRequest(text)),
    ]
  }

  /** Without a position it goes on where it stands. */
  #follow(audience: Interests, from?: Position): In {
    const view = { interests: audience, hasPositions: this.#placed }
    return { _tag: "Subscribe", key: FOLLOWED, view, filter: filterOf(audience), from }
  }

  /** It was told that it could resume, and then retention was faster than its replay. */
  joined(_key: string, _position: Position, reset: ResetReason | null): Inbounds {
    return reset === null ? [] : [close({ ...CloseCodes.tryAgainLater, reason: "what was missed is gone" })]
  }

  // Requests

  get #era(): Flavor {
    return this.#newcomer?.era ?? 4
  }

  #invalid(id: string, message: string): Inbounds {
    return [send(writeError(this.#era, id, { code: "INVALID_REQUEST", message }))]
  }

  #readRequest(text: string): Inbounds {
    const frame = readFrame(text, this.#options.strict)
    switch (frame._tag) {
      case "Malformed":
        return []
      case "Invalid":
        return this.#invalid(frame.id ?? NO_ID, `invalid request frame: ${frame.issue}`)
      case "Request": {
        const { id, method, params } = frame
        if (method === CONNECT) return this.#invalid(id, "connect is only valid as the first request")
        return [{ _tag: "Call", ref: { id }, method, params }]
      }
    }
  }

  unreadable(why: Unreadable): Inbounds {
    if (this.#audience === undefined) return [close(HandshakeErrors.notARequest.close)]
    return this.#invalid(NO_ID, `invalid request frame: ${why === "bug" ? "internal error" : "nested too deep"}`)
  }

  // Answers

  success(ref: OpenClawRef, method: string, value: unknown, json?: () => string): Reply<OpenClawRef, View> {
    const { id } = ref
    if (this.#welcome !== undefined) return this.#hello(this.#welcome, value)
    const audience = this.#audience!
    if (isFull(audience, method, value)) return this.#invalid(id, FULL)
    const text = writeResult(this.#era, id, value, json)
    const heeded = apply(audience, method, value)
    if (heeded === audience) return text
    const more = heeded.keys.length - audience.keys.length
    const refusal = more > 0 ? this.#facts.subscriptions.refusal() : undefined
    if (refusal !== undefined) return this.failure(ref, method, Faults.refused(refusal))
    this.#facts.subscriptions.changed(more)
    this.#audience = heeded
    return [send(text), this.#follow(heeded)]
  }

  item({ id }: OpenClawRef, _method: string, value: unknown): string {
    return writeResult(this.#era, id, value)
  }

  failure({ id }: OpenClawRef, method: string, fault: Fault): Reply<OpenClawRef, View> {
    const newcomer = this.#newcomer
    if (this.#audience === undefined && newcomer !== undefined) {
      const { connect, era } = newcomer
      return this.#refuse(era, newcomer.id, HandshakeErrors.notAdmitted(fault, connect, era))
    }
    // With the id, it would be taken for the answer to the request that has it.
    const answerTo = fault._tag === "DuplicateId" ? NO_ID : id
    if (this.#isForOperators(fault)) return this.#refuseNode(answerTo)
    return writeError(this.#era, answerTo, ofFault(this.#era, method, fault))
  }

  #isForOperators(fault: Fault): boolean {
    return fault._tag === "Denied" && fault.refusal._tag === "Forbidden" && this.#newcomer?.connect.role === "node"
  }

  #refuseNode(id: string): Inbounds {
    const error: ErrorShape = { code: "INVALID_REQUEST", message: "unauthorized role: node" }
    const said = send(writeError(this.#era, id, error))
    if (++this.#nodeRefusals < NODE_REFUSALS) return [said]
    return [said, close({ ...CloseCodes.policy, reason: "repeated unauthorized calls" })]
  }
}

const withConnect: ReadonlyMap<string, Method> = new Map([
  ...methods,
  [CONNECT, dialectMethod(Schema.Struct({ mayRead: Schema.Boolean }), ({ mayRead }) => snapshot(mayRead))],
])

export const openClaw = (options: OpenClawOptions): Dialect<OpenClawRef, View> => ({
  name: "openclaw",
  traits: {
    handshake: true,
    binary: true,
    stamp: numberEvents,
    closes: new Map<CloseCode, CloseCode>([
      [CloseCodes.handshakeTimeout, { ...CloseCodes.policy, reason: "handshake timeout" }],
      [CloseCodes.slowConsumer, { ...CloseCodes.policy, reason: "slow consumer" }],
      [CloseCodes.restart, { ...CloseCodes.restart, reason: "service restart" }],
    ]),
  },
  methods: withConnect,
  converse: (facts) => new OpenClawConversation(facts, options),
  viewKey: ({ hasPositions, interests }) => `${hasPositions ? "+" : "-"}${interestsKey(interests)}`,
  event: ({ hasPositions, interests }, item) => {
    const frames = encode(interests, item)
    return hasPositions ? positioned(frames, item.seq) : frames
  },
  textThrottle: { everyMs: TEXT_MS, frames: ({ interests }, text) => encodeText(interests, text) },
  keepAlive: { everyMs: TICK_MS, frames: ({ interests }, now) => keepAliveFrames(interests, now) },
})
