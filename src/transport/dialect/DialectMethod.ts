/**
 * What can be called in a dialect: the contract's methods, and methods of the dialect's own that are made of them. A
 * table of names is all that a dialect states; DialectExchange.ts carries the calls out.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Scope } from "../../domain/Principal.ts"
import { invalidParams } from "./Faults.ts"
import * as Query from "./Query.ts"
import { type MethodCodec, methodCodecs } from "./MethodCodecs.ts"

/** What a dialect's reference says of a method of its own. */
export interface About {
  readonly summary: string
  readonly result: Schema.Top
  /** The parameter that may go by position. Left out: the one that is required. */
  readonly positional?: string
}

export type Method =
  | { readonly _tag: "Contract"; readonly codec: MethodCodec }
  /** Calls methods of the contract as the client, and makes one answer of theirs. */
  | {
      readonly _tag: "Own"
      readonly inquire: (params: unknown) => Query.Inquiry<unknown>
      /** What it takes. */
      readonly params: Schema.Top
      readonly about?: About | undefined
      /** What the caller needs besides what the methods need that it calls. */
      readonly scope?: Scope
    }
  /** `events.subscribe`, carried out by the fan-out: answers at once which subscription it has made. */
  | { readonly _tag: "Subscribe" }
  | { readonly _tag: "Unsubscribe" }

export const SUBSCRIBE = "events.subscribe"

/** Ends a subscription. The native wire has no need of it: there a subscription is a call, and ends as calls do. */
const UNSUBSCRIBE = "events.unsubscribe"

/** The contract by its own names. */
export const contractMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...Array.from(methodCodecs, ([name, codec]): [string, Method] => [
    name,
    name === SUBSCRIBE ? { _tag: "Subscribe" } : { _tag: "Contract", codec },
  ]),
  [UNSUBSCRIBE, { _tag: "Unsubscribe" }],
])

/** A method of a dialect's own: what it takes, in the dialect's names, and what it asks of the contract. */
export const dialectMethod = <P, I>(
  params: Schema.Codec<P, I>,
  inquire: (params: P) => Query.Inquiry<unknown>,
  about?: About,
): Method => {
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(params))
  return {
    _tag: "Own",
    params,
    about,
    inquire: (json) =>
      Result.match(decode(json), {
        onFailure: (error) => Query.failed(invalidParams(error)),
        onSuccess: inquire,
      }),
  }
}

export const scoped = (scope: Scope, method: Method): Method => (method._tag === "Own" ? { ...method, scope } : method)
