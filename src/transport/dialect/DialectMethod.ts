/**
 * DialectMethod: a method that clients of a dialect can call. Each dialect has a table of methods by name, and
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
  /** The parameter that clients may give by position. The default is the only required parameter. */
  readonly positional?: string
}

export type Method =
  /** A method of the contract, unchanged. */
  | { readonly _tag: "Contract"; readonly codec: MethodCodec }
  /** A method of the dialect. Its query calls the contract with the client's scopes. */
  | {
      readonly _tag: "Own"
      readonly query: (params: unknown) => Query<unknown>
      /** The schema of its parameters. */
      readonly params: Schema.Top
      readonly about?: About | undefined
      /** A scope that the caller needs in addition to the scopes of the methods that the query calls. */
      readonly scope?: Scope
    }
  /** `events.subscribe`. The call returns the subscription's id at once, and the fan-out sends the events. */
  | { readonly _tag: "Subscribe" }
  | { readonly _tag: "Unsubscribe" }

export const SUBSCRIBE = "events.subscribe"

/** Ends a subscription. `/rpc` does not need it: there a subscription is a call, and a client ends it by cancelling. */
const UNSUBSCRIBE = "events.unsubscribe"

/** The methods of the contract by their own names. */
export const contractMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...Array.from(methodCodecs, ([name, codec]): [string, Method] => [
    name,
    name === SUBSCRIBE ? { _tag: "Subscribe" } : { _tag: "Contract", codec },
  ]),
  [UNSUBSCRIBE, { _tag: "Unsubscribe" }],
])

/** Makes a method of the dialect from the schema of its parameters and the query that returns its result. */
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

/** Adds a scope that the caller needs in addition to those of the methods that the query calls. */
export const scoped = (scope: Scope, method: Method): Method => (method._tag === "Own" ? { ...method, scope } : method)
