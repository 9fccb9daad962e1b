/**
 * Dialect: a wire language as pure functions between frames and what they mean. A dialect reads and writes text; it
 * knows no socket, no service and no other connection. What frames mean is carried out by DialectServer.ts.
 */
import type { ClientProfile } from "../../domain/Connection.ts"
import type { EventFilter, EventItem, GatewayEvent, Position, ResetReason, RunText } from "../../domain/Event.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { RateLimited } from "../../domain/Refusal.ts"
import type { Credentials } from "../../services/auth/Authenticator.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { Fault } from "./Fault.ts"
import type { Method } from "./DialectMethod.ts"
import type { Inquiry } from "./Query.ts"
import type { Merge } from "../connection/Outbox.ts"
import type { ConnectionOrigin } from "../connection/Peer.ts"
import type { WireTraits } from "../connection/Wire.ts"

/** The whole output of a run so far, and the part that is new since the last time. */
export interface ThrottledText extends Omit<RunText, "_tag"> {
  readonly at: number
  /** The newest delta. */
  readonly event: GatewayEvent
  readonly newText: string
  readonly newThinking: string
}

/** How a dialect refers to a call while it is in flight: what it needs to word the answer. */
export interface Ref {
  /** By which the client can cancel the call; no two in flight have the same. Undefined: it cannot be referred to. */
  readonly id: string | number | undefined
}

/** What a frame means. */
export type Inbound<R extends Ref = Ref> =
  | { readonly _tag: "Call"; readonly ref: R; readonly method: string; readonly params: unknown }
  /** The call in flight with this id is answered `Interrupted`; one that is not in flight is left alone. */
  | { readonly _tag: "Cancel"; readonly id: string | number }
  | {
      readonly _tag: "Identify"
      readonly ref: R
      readonly token: string | undefined
      readonly client?: string | undefined
    }
  /** As `Identify`, in a handshake that says more than a secret and may ask for less than all. */
  | {
      readonly _tag: "Enter"
      readonly ref: R
      readonly credentials: Credentials
      readonly client?: string | undefined
      readonly profile?: ClientProfile | undefined
    }
  /**
   * Events from now on or from a position, worded by `Dialect.event` under this key. What had the key before ends, and
   * this goes on where it stood. What the client lacks the scope for is not told.
   */
  | {
      readonly _tag: "Follow"
      readonly key: string
      /** What `Dialect.event` is given instead of the key, where one key has several wordings in turn. */
      readonly wording?: string | undefined
      readonly filter: EventFilter
      readonly from?: Position | undefined
    }
  | { readonly _tag: "Unfollow"; readonly key: string }
  | { readonly _tag: "Say"; readonly text: string }
  | { readonly _tag: "Close"; readonly code: CloseCode; readonly detail?: string | undefined }

/** What an event tells: a frame, and what may become of it while it waits for a slow client. */
export type EventFrame =
  | Frame
  /**
   * A list that is told as a whole after events that change it: asked for once for all who follow, at once, then at most
   * once in `monitorIntervalMs`, so that a storm of events makes few lists. It has no place among the events.
   */
  | { readonly policy: "digest"; readonly key: string; readonly inquiry: Inquiry<string> }

export type Frame =
  | { readonly policy: "must"; readonly text: string }
  | { readonly policy: "latest"; readonly key: string; readonly text: string }
  /** `text`: the frame where nothing waits under the key; `value` is joined `by` where something does. */
  | {
      readonly policy: "append"
      readonly key: string
      readonly text: string
      readonly value: unknown
      readonly by: Merge<unknown>
    }

/** What is said to a call: a frame, nothing, or what follows from its end. Calls among it are not the client's. */
export type Reply<R extends Ref> = string | undefined | ReadonlyArray<Inbound<R>>

/** Why a frame is not handed to `read`, or what came of it. `bug`: `read` itself threw. */
export type Unreadable = "too-deep" | "bug"

/** One connection's side of a dialect. It may remember what was said, and nothing else. */
export interface Conversation<R extends Ref = Ref> {
  /** Said when the connection opens. `principal`: who the client is, where its HTTP request has proved it. */
  greet(principal: Principal | undefined): ReadonlyArray<Inbound<R>>
  /** Total: a frame that means nothing becomes a Say or a Close. */
  read(frame: string, principal: Principal | undefined): ReadonlyArray<Inbound<R>>
  unreadable(why: Unreadable): ReadonlyArray<Inbound<R>>
  /** The answer to an Identify or Enter that succeeded, and what follows from it. `issued`: the token of its device. */
  authenticated(ref: R, principal: Principal, issued?: IssuedToken): ReadonlyArray<Inbound<R>>
  /** The answer to a call; `value` is JSON of the method's result, and `json` its text, once for all who share it. */
  success(ref: R, method: string, value: unknown, json?: () => string): Reply<R>
  failure(ref: R, method: string, fault: Fault): Reply<R>
  /** One value of a call that streams, whose end is a `success` without a value; or what an inquiry tells meanwhile. */
  item(ref: R, method: string, value: unknown): Reply<R>
  /** What follows once all that was missed under the key has been told, up to the position; or, reset, could not be. */
  joined?(key: string, position: Position, reset: ResetReason | null): ReadonlyArray<Inbound<R>>
}

export interface Dialect<R extends Ref = Ref> {
  readonly name: string
  readonly traits?: WireTraits
  /** What can be called, by the dialect's names. Left out: the contract, by its own (`contractMethods`). */
  readonly methods?: ReadonlyMap<string, Method>
  readonly converse: (facts: ConnectionFacts) => Conversation<R>
  /**
   * What an event tells under a key, worded once for all connections that follow it so. `json` is the item's own JSON,
   * made once for all keys; with the epoch, the item's seq is a position. Undefined: the dialect does not tell this.
   */
  readonly event: (key: string, item: EventItem, json: () => string, epoch: string) => Telling | undefined
  /** The frame of one or several texts that are told under a key at once. Left out: each text is a frame. */
  readonly frame?: (key: string, texts: ReadonlyArray<string>) => string
  /**
   * The text of open runs as a whole, for wordings that are not told deltas: at most so often, and always before
   * anything else of the run.
   */
  readonly pace?: {
    readonly everyMs: number
    readonly frames: (key: string, text: ThrottledText) => ReadonlyArray<Frame>
  }
  /** What all who follow are told every now and then, worded as events are: a sign of life. */
  readonly beat?: { readonly everyMs: number; readonly tell: (key: string, now: number) => ReadonlyArray<EventFrame> }
}

/** An inquiry where frames say more than the event: asked once for all, and what happened since is told after it. */
export type Telling = EventFrame | ReadonlyArray<EventFrame> | Inquiry<ReadonlyArray<EventFrame>>

export interface ConnectionFacts {
  /** E.g. `c42`. */
  readonly connectionId: string
  /** Whether the client can be told what it did not ask for. Over HTTP it gets its answer and nothing else. */
  readonly pushes: boolean
  /** Epoch milliseconds. */
  readonly now: () => number
  /** The newest event position. */
  readonly head: () => Position
  /** Why a client cannot go on from the position, if it cannot. */
  readonly lost: (from: Position) => ResetReason | null
  /** For subscriptions that the dialect keeps itself: they count to the principal's share. */
  readonly subscriptions: {
    /** Returns why the principal may have no more. */
    readonly refusal: () => RateLimited | undefined
    /** To be called when the connection has more, or fewer. */
    readonly changed: (by: number) => void
  }
  /** Whether the gateway is going down. */
  readonly stopping: () => boolean
  readonly arrival: ConnectionOrigin
}
