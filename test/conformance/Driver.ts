/**
 * Driver: how the conformance suites speak one dialect. A driver encodes the requests that every dialect has, and decodes
 * the frames of the gateway into `Received`. A dialect that speaks the whole contract also has `contract`, and the suites
 * then run more cases.
 */
import type { Position } from "../../src/domain/Event.ts"
import type { TestGatewayOptions } from "../support/TestGateway.ts"

export type FaultName =
  | "malformed"
  | "unknown-method"
  | "invalid-params"
  | "duplicate-id"
  | "unauthenticated"
  | "rate-limited"
  | "domain"
  | "interrupted"
  | "internal"

/** One message of the gateway. `id` is `undefined` if the message names no call. */
export type Received =
  | { readonly _tag: "Answer"; readonly id: number | undefined; readonly value: unknown }
  | { readonly _tag: "Fault"; readonly id: number | undefined; readonly fault: FaultName }
  /** One value of a streaming call. */
  | { readonly _tag: "Item"; readonly id: number; readonly value: unknown }
  /** A kept event with its position. */
  | { readonly _tag: "Event"; readonly seq: number }
  /** The subscription has sent the past. Later events are live. */
  | { readonly _tag: "CaughtUp" }
  | { readonly _tag: "Other" }

/** A close code, and the reason or its beginning. */
export interface ExpectedClose {
  readonly code: number
  readonly reason: string
}

/** The closes that a dialect may send in codes and words of its own. */
export interface ExpectedCloses {
  readonly handshakeTimeout: ExpectedClose
  readonly slowConsumer: ExpectedClose
  readonly restart: ExpectedClose
}

export const closes: ExpectedCloses = {
  handshakeTimeout: { code: 4002, reason: "not authenticated in time" },
  slowConsumer: { code: 4008, reason: "too slow" },
  restart: { code: 1012, reason: "the gateway is restarting" },
}

export interface Driver {
  readonly name: string
  readonly path: string
  /** Options that the dialect's gateway needs besides the defaults. */
  readonly gateway?: TestGatewayOptions
  readonly closes: ExpectedCloses
  readonly decode: (frame: string) => ReadonlyArray<Received>
  /** Returns the frame that the client must send in reply to a frame, or `undefined`. */
  readonly acknowledge?: (frame: string) => string | undefined
  /**
   * Encodes the first frame of a client. Only dialects that authenticate in a handshake of their own have it; the others
   * take the token from the HTTP request. `resume`: the position after which the client resumes its subscription.
   */
  readonly handshake?: (id: number, token: string, resume?: Position) => string
  /** Encodes a call that every client may make and that the gateway answers at once. */
  readonly ping: (id: number) => string
  readonly unknown: (id: number) => string
  /** A frame that the gateway answers as malformed. */
  readonly malformed: string
  /** The dialect ignores frames that are not JSON, as its reference gateway does. */
  readonly ignoresBrokenJson?: true
  /** The dialect accepts binary frames. */
  readonly acceptsBinary?: true
  /** Encodes the authentication of a client whose HTTP request had no token. */
  readonly authenticate: (id: number, token: string) => string
  /** The gateway's reaction to a wrong token in `authenticate`. */
  readonly wrongToken: "answered" | "closed"
  /** Encodes a subscription to sessions and their messages, from a position or from now on. */
  readonly subscribe: (id: number, from?: Position) => string
  /** For dialects that speak every method of the contract. */
  readonly contract?: {
    readonly call: (id: number, method: string, params: unknown) => string
    readonly cancel: (id: number) => string
  }
}

/** A dialect that speaks the whole contract. */
export type ContractDriver = Driver & Required<Pick<Driver, "contract">>
