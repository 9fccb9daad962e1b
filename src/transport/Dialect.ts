/**
 * Dialect: a wire language as pure functions between frames and what they mean. A dialect reads and writes text; it
 * knows no socket, no service and no other connection. What frames mean is carried out by DialectServer.ts.
 */
import type { EventFilter, EventItem, Position } from "../domain/Event.ts"
import type { Principal } from "../domain/Principal.ts"
import type { CloseCode } from "./CloseCodes.ts"
import type { Merge } from "./Outbox.ts"

/** How a dialect refers to a call while it is in flight: what it needs to word the answer. */
export interface Ref {
  /** The client's own id of the call, unique among those in flight. Undefined: nobody waits for an answer. */
  readonly id: string | number | undefined
}

/** What a frame means. */
export type Inbound<R extends Ref = Ref> =
  | { readonly _tag: "Call"; readonly ref: R; readonly method: string; readonly params: unknown }
  | { readonly _tag: "Cancel"; readonly id: string | number }
  | {
      readonly _tag: "Identify"
      readonly ref: R
      readonly token: string | undefined
      readonly client?: string | undefined
    }
  /** Events from now on (or from a position), worded by `Dialect.event` under this key; replaces what had the key. */
  | {
      readonly _tag: "Follow"
      readonly key: string
      readonly filter: EventFilter
      readonly from?: Position | undefined
    }
  | { readonly _tag: "Unfollow"; readonly key: string }
  | { readonly _tag: "Say"; readonly text: string }
  | { readonly _tag: "Close"; readonly code: CloseCode; readonly detail?: string | undefined }

/** Why a call was not answered with a value: a closed set, each for the dialect to word. */
export type Fault =
  | { readonly _tag: "UnknownMethod"; readonly method: string }
  | { readonly _tag: "InvalidParams"; readonly issue: string }
  | { readonly _tag: "DuplicateId" }
  /** `Unauthenticated`, `Forbidden`: the tagged refusal as JSON. */
  | { readonly _tag: "Denied"; readonly refusal: Tagged }
  | { readonly _tag: "Limited"; readonly limit: string; readonly retryAfterMs: number }
  /** The method's own tagged error as JSON. */
  | { readonly _tag: "Domain"; readonly error: Tagged }
  | { readonly _tag: "Interrupted" }
  /** A bug; its text is in the log, not in the answer. */
  | { readonly _tag: "Internal" }

export interface Tagged {
  readonly _tag: string
  readonly [field: string]: unknown
}

/** The frame of an event, and what may become of it while it waits for a slow client. */
export type Told =
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

/** Why a frame is not handed to `read`. */
export type Unreadable = "too-deep"

/** One connection's side of a dialect. It may remember what was said, and nothing else. */
export interface Conversation<R extends Ref = Ref> {
  /** Said when the connection opens. */
  greet(): ReadonlyArray<Inbound<R>>
  /** Total: a frame that means nothing becomes a Say or a Close. */
  read(frame: string, principal: Principal | undefined): ReadonlyArray<Inbound<R>>
  unreadable(why: Unreadable): ReadonlyArray<Inbound<R>>
  /** The answer to an Identify that succeeded, and what follows from it. */
  identified(ref: R, principal: Principal): ReadonlyArray<Inbound<R>>
  /** The answer to a call; `value` is JSON of the method's result. Undefined: this dialect says nothing. */
  success(ref: R, method: string, value: unknown): string | undefined
  failure(ref: R, method: string, fault: Fault): string | undefined
  /** One value of a call that streams. Its end is a `success` without a value. */
  item(ref: R, method: string, value: unknown): string | undefined
}

export interface Dialect<R extends Ref = Ref> {
  readonly name: string
  readonly converse: (facts: ConnectionFacts) => Conversation<R>
  /**
   * The frame for an event under a key, made once for all connections that follow it so. `json` is the item's own
   * JSON, made once for all keys. Undefined: the dialect does not tell this.
   */
  readonly event: (key: string, item: EventItem, json: () => string) => Told | undefined
}

export interface ConnectionFacts {
  readonly connectionId: string
}

/** The key under which `events.subscribe` as a call follows: made from its id, so that equal ids share frames. */
export const subscriptionKey = (ref: Ref): string => JSON.stringify(ref.id ?? null)
