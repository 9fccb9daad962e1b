/**
 * Dialect: the interface of a protocol. A dialect is pure functions: it decodes the frames of clients and encodes
 * replies and events. The kernel (DialectSession.ts) handles the decoded frames, and the fan-out sends the encoded
 * events.
 */
import type { ClientProfile, PresenceEntry } from "../../domain/Connection.ts"
import type { EventFilter, EventItem, GatewayEvent, Position, ResetReason, RunText } from "../../domain/Event.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { RateLimited } from "../../domain/Refusal.ts"
import type { Credentials } from "../../services/auth/Authenticator.ts"
import type { IssuedToken } from "../../services/auth/Devices.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { ShapeProblem } from "../connection/JsonShape.ts"
import type { Merge } from "../connection/Outbox.ts"
import type { ConnectionOrigin } from "../connection/Peer.ts"
import type { WireTraits } from "../connection/Wire.ts"
import type { Method } from "./DialectMethod.ts"
import type { Fault } from "./Fault.ts"
import type { Query } from "./Query.ts"

/** The dialect's reference to a call in flight. It holds what the dialect needs to encode the reply. */
export interface Ref {
  /**
   * The id by which the client cancels the call. No two calls in flight share it. `undefined` if the call has no id.
   */
  readonly id: string | number | undefined
}

/** A request of a frame to the kernel. `V` is the dialect's view, see `EventEncoding`. */
export type Inbound<R extends Ref = Ref, V = unknown> =
  | {
      readonly _tag: "Call"
      readonly ref: R
      readonly method: string
      readonly params: unknown
      /** The W3C trace context of the client, as it has sent it. */
      readonly traceparent?: unknown
    }
  /** Cancels the call in flight with this id. The call fails with `Interrupted`. */
  | { readonly _tag: "Cancel"; readonly id: string | number }
  | {
      readonly _tag: "Authenticate"
      readonly ref: R
      readonly token: string | undefined
      readonly client?: string | undefined
    }
  /** Authenticates with more than a token, and may ask for fewer scopes than the credential grants. */
  | {
      readonly _tag: "Handshake"
      readonly ref: R
      readonly credentials: Credentials
      readonly client?: string | undefined
      readonly profile?: ClientProfile | undefined
    }
  /**
   * Subscribes to events from a position. It replaces a subscription of the same key. Without a position it continues
   * where the replaced subscription was, or starts now. The kernel removes topics whose scope the client lacks.
   */
  | {
      readonly _tag: "Subscribe"
      readonly key: string
      readonly view: V
      readonly filter: EventFilter
      readonly from?: Position | undefined
    }
  | { readonly _tag: "Unsubscribe"; readonly key: string }
  | { readonly _tag: "Send"; readonly text: string }
  | { readonly _tag: "Close"; readonly code: CloseCode; readonly detail?: string | undefined }

/** A frame of an event, with the policy that the outbox applies to it while it waits for a slow client. */
export type Frame =
  | { readonly policy: "must"; readonly text: string }
  | { readonly policy: "latest"; readonly key: string; readonly text: string }
  /** `text` is the frame if no frame waits under the key. Otherwise `by` merges `value` with the waiting value. */
  | {
      readonly policy: "append"
      readonly key: string
      readonly text: string
      readonly value: unknown
      readonly by: Merge<unknown>
    }

export type EventFrame =
  | Frame
  /**
   * A whole list that an event has changed. The fan-out sends it at once, and then at most once in `monitorIntervalMs`.
   * The query runs once for all subscribers. The frame has no position.
   */
  | { readonly policy: "snapshot"; readonly key: string; readonly query: Query<string> }

/** The output of an open run so far, and the part of it that is new since the previous `ThrottledText`. */
export interface ThrottledText extends Omit<RunText, "_tag"> {
  readonly at: number
  /** The newest delta. */
  readonly event: GatewayEvent
  readonly newText: string
  readonly newThinking: string
}

/**
 * The reply to a call: a frame, nothing, or further requests. Calls among them do not count towards the client's
 * limits.
 */
export type Reply<R extends Ref, V = unknown> = string | undefined | ReadonlyArray<Inbound<R, V>>

/** The reason why the kernel did not decode a frame. `bug`: `read` threw. */
export type Unreadable = ShapeProblem | "bug"

/** The dialect's side of one connection. Its state comes from the frames that it has read. */
export interface Conversation<R extends Ref = Ref, V = unknown> {
  /** Opens the conversation. `principal` is the client if its HTTP request has authenticated it. */
  greet(principal: Principal | undefined): ReadonlyArray<Inbound<R, V>>
  /** Decodes a frame. It never throws: a malformed frame becomes a `Send` with the error, or a `Close`. */
  read(frame: string, principal: Principal | undefined): ReadonlyArray<Inbound<R, V>>
  /** Replies to a frame that the kernel did not decode. */
  unreadable(why: Unreadable): ReadonlyArray<Inbound<R, V>>
  /** Replies to a successful `Authenticate` or `Handshake`. `issued` is a new token for the client's device. */
  authenticated(ref: R, principal: Principal, issued?: IssuedToken): ReadonlyArray<Inbound<R, V>>
  /** Encodes the result of a call. `value` is JSON. `json` returns its text if several clients share it. */
  success(ref: R, method: string, value: unknown, json?: () => string): Reply<R, V>
  /** Encodes the fault of a call. */
  failure(ref: R, method: string, fault: Fault): Reply<R, V>
  /** Encodes one value of a streaming call, or a value that a query emits. A stream ends with a `success`. */
  item(ref: R, method: string, value: unknown): Reply<R, V>
  /** Runs when a subscriber has caught up to the position. `reset` is why some events could not be replayed. */
  joined?(key: string, position: Position, reset: ResetReason | null): ReadonlyArray<Inbound<R, V>>
}

/**
 * The part of a dialect that encodes events. A view `V` says which events a subscriber wants and in which form.
 * Subscribers whose views have the same key share one encoding. The fan-out uses it.
 */
export interface EventEncoding<V> {
  readonly name: string
  readonly viewKey: (view: V) => string
  /**
   * Encodes an item for a view. A query that needs calls of the contract runs once for all subscribers of the view, and
   * later events wait for it. `json` returns the item's own JSON, made once for all views. `epoch` and `item.seq` are
   * the position of the item.
   */
  readonly event: (view: V, item: EventItem, json: () => string, epoch: string) => Query<ReadonlyArray<EventFrame>>
  /** Joins the texts of several events into one frame. Without it, each text is a frame. */
  readonly frame?: (view: V, texts: ReadonlyArray<string>) => string
  /** Returns the bytes of a frame on the wire. Without it, each frame is a text frame of a WebSocket. */
  readonly bytes?: (frame: string) => Buffer
  /** Encodes the text of open runs, at most once in an interval and before any other event of the run. */
  readonly textThrottle?: {
    readonly everyMs: number
    readonly frames: (view: V, text: ThrottledText) => ReadonlyArray<Frame>
  }
  /** Encodes frames that every subscriber receives once in an interval, as a sign that the connection is alive. */
  readonly keepAlive?: {
    readonly everyMs: number
    readonly frames: (view: V, now: number) => ReadonlyArray<EventFrame>
  }
}

export interface Dialect<R extends Ref = Ref, V = unknown> extends EventEncoding<V> {
  readonly traits?: WireTraits
  /** The methods by the dialect's names. The default is the contract's methods by their own names. */
  readonly methods?: ReadonlyMap<string, Method>
  readonly converse: (facts: ConnectionFacts) => Conversation<R, V>
  /** Returns the view of a subscription by `events.subscribe`. Without it, the dialect has no such method. */
  readonly subscriptionView?: (subscription: string) => V
}

/** The number of subscriptions of a connection. It counts towards the principal's limit. */
export interface SubscriptionCount {
  /** Returns the refusal if the principal has as many subscriptions as it may have. */
  refusal(): RateLimited | undefined
  /** Adds to the number of subscriptions of the connection, or subtracts from it. */
  changed(by: number): void
}

/** The facts of a connection that a conversation may read. */
export interface ConnectionFacts {
  /** For example `c42`. */
  readonly connectionId: string
  /** Whether the client can receive events. A client over HTTP receives its reply only. */
  readonly pushes: boolean
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Returns the newest event position. */
  readonly head: () => Position
  /** Returns why a client cannot resume from the position, or `null` if it can. */
  readonly resumeError: (from: Position) => ResetReason | null
  /** Returns the present clients, oldest first. Only clients with `operator.read` may learn of them. */
  readonly present: () => ReadonlyArray<PresenceEntry>
  /** Counts subscriptions that the dialect manages itself. */
  readonly subscriptions: SubscriptionCount
  /** Whether the gateway drains. */
  readonly stopping: boolean
  readonly origin: ConnectionOrigin
}
