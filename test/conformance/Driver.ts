/**
 * What the conformance suites know of a dialect: how to say what every dialect can say, and what a frame means that
 * comes back. A dialect that speaks the whole contract says so, and is asked for more.
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

/** `id`: undefined where the frame names no call. */
export type Said =
  | { readonly _tag: "Answer"; readonly id: number | undefined; readonly value: unknown }
  | { readonly _tag: "Fault"; readonly id: number | undefined; readonly fault: FaultName }
  /** One value of a call that streams. */
  | { readonly _tag: "Item"; readonly id: number; readonly value: unknown }
  /** Something that happened, with its position. */
  | { readonly _tag: "Told"; readonly seq: number }
  /** What came before has been told: from here on it is live. */
  | { readonly _tag: "Present" }
  | { readonly _tag: "Other" }

export interface Driver {
  readonly name: string
  readonly path: string
  /** What its gateway needs besides the defaults. */
  readonly gateway?: TestGatewayOptions
  readonly read: (frame: string) => ReadonlyArray<Said>
  /** What the client must answer to a frame, if it must. */
  readonly acknowledge?: (frame: string) => string | undefined
  /** A call that everybody may make, and that is answered at once. */
  readonly ping: (id: number) => string
  readonly unknown: (id: number) => string
  readonly malformed: string
  /** As the first message of a client that could set neither a header nor a query. */
  readonly authenticate: (id: number, token: string) => string
  /** What a wrong token there leads to. */
  readonly wrongToken: "answered" | "closed"
  /** What happens to sessions and in them. Without a position: from now on. */
  readonly subscribe: (id: number, from?: Position) => string
  /** For dialects that speak every method of the contract. */
  readonly contract?: {
    readonly call: (id: number, method: string, params: unknown) => string
    readonly cancel: (id: number) => string
  }
}

/** A dialect that speaks the whole contract. */
export type ContractDriver = Driver & Required<Pick<Driver, "contract">>
