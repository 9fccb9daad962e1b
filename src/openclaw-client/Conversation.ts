/**
 * Conversation: the client's side of OpenClaw's protocol on one connection, as a state machine: frames in, frames and facts
 * out. It does no IO. Connection.ts carries out its outputs.
 */
import type * as Redacted from "effect/Redacted"
import type { Position } from "../domain/Event.ts"
import { RESUME } from "./Connect.ts"
import { type Challenge, type Hello, readChallenge, readHello } from "./Hello.ts"
import { type ErrorShape, type Incoming, readFrame, requestFrame } from "./Frames.ts"
import { after, callsFor, type Subscriptions } from "./Subscriptions.ts"

/** An event of the gateway. `payload` has the shape that the gateway's version gives it, see Events.ts. */
export interface OpenClawEvent {
  readonly event: string
  readonly payload: unknown
}

/**
 * Why events may be missing before this point: the connection is new, the gateway skipped events, or the subscriber read
 * too slowly.
 */
export type Reset = "connected" | "gap" | "slow"

export type Result =
  | { readonly _tag: "Payload"; readonly payload: unknown }
  | { readonly _tag: "Error"; readonly error: ErrorShape }

/** Why the conversation itself ends the connection. */
export type Ending =
  | { readonly _tag: "Refused"; readonly error: ErrorShape }
  | { readonly _tag: "Foreign"; readonly problem: string }
  | { readonly _tag: "Gap"; readonly missing: number }

export type Output =
  | { readonly _tag: "Send"; readonly text: string }
  /** The gateway has let the client in. `deviceToken`: a token that it issued. */
  | { readonly _tag: "Hello"; readonly hello: Hello; readonly deviceToken: Redacted.Redacted<string> | undefined }
  /** The subscriptions are in place. `reset` is `null` if the gateway sends every missed event. */
  | { readonly _tag: "Joined"; readonly hello: Hello; readonly reset: Reset | null }
  | { readonly _tag: "Event"; readonly event: OpenClawEvent }
  /** The first of two answers. */
  | { readonly _tag: "Accepted"; readonly id: string; readonly payload: unknown }
  | { readonly _tag: "Answer"; readonly id: string; readonly result: Result }
  /** An answer that nobody waits for, e.g. because it came after the time-out. */
  | { readonly _tag: "Stray"; readonly id: string }
  | { readonly _tag: "Unreadable" }
  | { readonly _tag: "End"; readonly ending: Ending }

export type Outputs = ReadonlyArray<Output>

export interface ConversationFacts {
  /** The id of the request `connect`. */
  readonly connectId: string
  /** Makes the parameters of `connect`. */
  readonly connect: (challenge: Challenge) => unknown
  /** The subscriptions of the previous connection. */
  readonly subscriptions: Subscriptions
  /** The last position of the previous connection. */
  readonly position: Position | undefined
}

interface Pending {
  readonly method: string
  readonly params: unknown
  /** Whether a second answer follows the answer `accepted`. */
  readonly twice: boolean
}

type Stage = "challenge" | "hello" | "restoring" | "joined" | "ended"

const RESTORE = "restore:"

const isAccepted = (payload: unknown): boolean =>
  typeof payload === "object" && payload !== null && "status" in payload && payload.status === "accepted"

const restartExpected = (payload: unknown): number =>
  typeof payload === "object" &&
  payload !== null &&
  "restartExpectedMs" in payload &&
  typeof payload.restartExpectedMs === "number"
    ? payload.restartExpectedMs
    : 0

export class Conversation {
  readonly #facts: ConversationFacts
  #stage: Stage = "challenge"
  #hello: Hello | undefined = undefined
  readonly #pending = new Map<string, Pending>()
  #subscriptions: Subscriptions
  #position: Position | undefined
  /** The number of the last event on this connection. */
  #seq: number | undefined = undefined
  /** Whether the gateway sends missed events again after a reconnection. */
  #canResume = false
  #reset: Reset | null = "connected"
  #retryAfterMs = 0

  constructor(facts: ConversationFacts) {
    this.#facts = facts
    this.#subscriptions = facts.subscriptions
    this.#position = facts.position
  }

  get subscriptions(): Subscriptions {
    return this.#subscriptions
  }

  /** The position of the last event with one. A client that resumes there misses nothing. */
  get position(): Position | undefined {
    return this.#position
  }

  /** The time in milliseconds after which the gateway expects to be back, if it has announced a restart. */
  get retryAfterMs(): number {
    return this.#retryAfterMs
  }

  /** Sends a request. Its answer comes as `Answer` under the id. `twice`: after an `Accepted`, if the gateway sends one. */
  request(id: string, method: string, params: unknown, twice = false): Outputs {
    const text = requestFrame(id, method, params)
    this.#pending.set(id, { method, params, twice })
    return [{ _tag: "Send", text }]
  }

  /** Drops the answers to a request from now on. */
  forget(id: string): void {
    this.#pending.delete(id)
  }

  read(text: string): Outputs {
    const incoming = readFrame(text)
    switch (this.#stage) {
      case "challenge":
        return this.#readChallenge(incoming)
      case "hello":
        return this.#readHello(incoming)
      case "restoring":
      case "joined":
        return this.#readFrame(incoming)
      case "ended":
        return []
    }
  }

  #end(ending: Ending): Outputs {
    this.#stage = "ended"
    return [{ _tag: "End", ending }]
  }

  #foreign(problem: string): Outputs {
    return this.#end({ _tag: "Foreign", problem })
  }

  // The handshake

  #readChallenge(incoming: Incoming): Outputs {
    if (incoming._tag !== "Event" || incoming.frame.event !== "connect.challenge")
      return this.#foreign("its first frame is not connect.challenge")
    const challenge = readChallenge(incoming.frame.payload)
    if (challenge === undefined) return this.#foreign("its challenge has no nonce")
    this.#stage = "hello"
    this.#canResume = challenge.capabilities?.includes(RESUME) === true
    return this.request(this.#facts.connectId, "connect", this.#facts.connect(challenge))
  }

  /** Ignores frames before the answer to `connect`. */
  #readHello(incoming: Incoming): Outputs {
    const { connectId } = this.#facts
    if (incoming._tag !== "Answer" || incoming.frame.id !== connectId) return []
    this.#pending.delete(connectId)
    const { error, ok, payload } = incoming.frame
    if (!ok) return this.#end({ _tag: "Refused", error: error ?? UNEXPLAINED })
    const read = readHello(payload)
    if (read === undefined) return this.#foreign("its hello-ok is not of protocol 3 or 4")
    const { deviceToken, hello } = read
    return [{ _tag: "Hello", hello, deviceToken }, ...this.#begin(hello)]
  }

  /** Restores the subscriptions, unless the gateway has done so. */
  #begin(hello: Hello): Outputs {
    this.#hello = hello
    const resumed = hello.resume?.resumed === true
    this.#reset = resumed ? null : "connected"
    if (!resumed) this.#position = hello.position ?? undefined
    if (this.#position === undefined) this.#canResume = false
    const calls = resumed ? [] : callsFor(this.#subscriptions)
    this.#stage = "restoring"
    const sends = calls.flatMap(({ method, params }, i) => this.request(`${RESTORE}${i}`, method, params))
    return [...sends, ...this.#joinWhenRestored(hello)]
  }

  #joinWhenRestored(hello: Hello): Outputs {
    if (this.#stage !== "restoring" || [...this.#pending.keys()].some((id) => id.startsWith(RESTORE))) return []
    this.#stage = "joined"
    return [{ _tag: "Joined", hello, reset: this.#reset }]
  }

  // After the handshake

  #readFrame(incoming: Incoming): Outputs {
    switch (incoming._tag) {
      case "Unreadable":
        return [{ _tag: "Unreadable" }]
      case "Event":
        return this.#readEvent(incoming.frame)
      case "Answer":
        return this.#readAnswer(incoming.frame)
    }
  }

  #readAnswer({ error, id, ok, payload }: Extract<Incoming, { readonly _tag: "Answer" }>["frame"]): Outputs {
    const pending = this.#pending.get(id)
    if (pending === undefined) return [{ _tag: "Stray", id }]
    if (ok && pending.twice && isAccepted(payload)) {
      this.#pending.set(id, { ...pending, twice: false })
      return [{ _tag: "Accepted", id, payload }]
    }
    this.#pending.delete(id)
    const { method, params } = pending
    const isRestoring = id.startsWith(RESTORE)
    if (ok) this.#subscriptions = after(this.#subscriptions, method, params)
    else if (isRestoring) this.#subscriptions = after(this.#subscriptions, opposite(method), params)
    if (isRestoring) return this.#hello === undefined ? [] : this.#joinWhenRestored(this.#hello)
    const result: Result = ok ? { _tag: "Payload", payload } : { _tag: "Error", error: error ?? UNEXPLAINED }
    return [{ _tag: "Answer", id, result }]
  }

  #readEvent({ event, payload, position, seq }: Extract<Incoming, { readonly _tag: "Event" }>["frame"]): Outputs {
    const missing = typeof seq === "number" && this.#seq !== undefined ? seq - this.#seq - 1 : 0
    // A repeated event.
    if (missing < 0) return []
    // The gateway sends the missed events again, if the client comes back to its last position.
    if (missing > 0 && this.#canResume) return this.#end({ _tag: "Gap", missing })
    if (typeof seq === "number") this.#seq = seq
    if (typeof position === "number" && this.#position !== undefined)
      this.#position = { epoch: this.#position.epoch, seq: position }
    if (event === "shutdown") this.#retryAfterMs = restartExpected(payload)
    const output: Output = { _tag: "Event", event: { event, payload } }
    return missing > 0 ? [...this.#gap(), output] : [output]
  }

  /** Reports a gap that only a new snapshot heals. Before `Joined` there is nothing to report. */
  #gap(): Outputs {
    return this.#stage === "joined" && this.#hello !== undefined
      ? [{ _tag: "Joined", hello: this.#hello, reset: "gap" }]
      : []
  }
}

const opposite = (method: string): string => method.replace("subscribe", "unsubscribe")

const UNEXPLAINED: ErrorShape = { code: "UNAVAILABLE", message: "the gateway gave no reason" }
