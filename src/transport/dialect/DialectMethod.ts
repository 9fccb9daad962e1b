/**
 * DialectMethod: one method that clients of a dialect can call. A dialect declares a table of them by name, and
 * DialectSession.ts runs them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Scope } from "../../domain/Principal.ts"
import { invalidParams } from "./Faults.ts"
import type { Query } from "./Query.ts"
import { type MethodCodec, methodCodecs } from "./MethodCodecs.ts"

/** The description of a dialect's own method for the dialect's reference. */
export interface About {
  readonly summary: string
  readonly result: Schema.Top
  /** The parameter that may be given by position. Left out: the only required one. */
  readonly positional?: string
}

export type Method =
  /** A method of the contract as it is. */
  | { readonly _tag: "Contract"; readonly codec: MethodCodec }
  /** A method of the dialect, made of calls of the contract as the client. */
  | {
      readonly _tag: "Own"
      readonly query: (params: unknown) => Query<unknown>
      /** The schema of its parameters. */
      readonly params: Schema.Top
      readonly about?: About | undefined
      /** A scope that the caller needs beside the scopes of the methods that the query calls. */
      readonly scope?: Scope
    }
  /** `events.subscribe`: the fan-out runs it, and the call returns the subscription's id at once. */
  | { readonly _tag: "Subscribe" }
  | { readonly _tag: "Unsubscribe" }

export const SUBSCRIBE = "events.subscribe"

/** Ends a subscription. `/rpc` does not need it, because there a subscription is a call and ends with it. */
const UNSUBSCRIBE = "events.unsubscribe"

/** The contract by its own names. */
export const contractMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...Array.from(methodCodecs, ([name, codec]): [string, Method] => [
    name,
    name === SUBSCRIBE ? { _tag: "Subscribe" } : { _tag: "Contract", codec },
  ]),
  [UNSUBSCRIBE, { _tag: "Unsubscribe" }],
])

/** Makes a method of the dialect from the schema of its parameters and the query that answers it. */
export const dialectMethod = <P, I>(
  params: Schema.Codec<P, I>,
  query: (params: P) => Query<unknown>,
  about?: About,
): Method => {
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(params))
  return {
    _tag: "Own",
    params,
    about,
    query: (json) =>
      Result.match(decode(json), {
        onFailure: (error) => Effect.fail(invalidParams(error)),
        onSuccess: query,
      }),
  }
}

/** Requires a scope beside those of the methods that the query calls. */
export const scoped = (scope: Scope, method: Method): Method => (method._tag === "Own" ? { ...method, scope } : method)
