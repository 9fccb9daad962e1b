/**
 * Query: a program of a dialect that calls methods of the contract and returns an answer. It is an Effect over one
 * capability, `Contract`. The kernel provides `Contract` for calls, the fan-out for events, and HTTP routes for
 * requests.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Fault, Tagged } from "./Fault.ts"

export type Query<A> = Effect.Effect<A, Fault, Contract>

/** The answers of cached queries. An answer is valid until the next event. */
export interface CachedAnswers {
  /** Returns `undefined` if the query has no valid answer. */
  get(query: Query<unknown>): unknown
  /**
   * Call it before the query runs. The returned function stores the answer. An event in between makes it invalid.
   */
  put(query: Query<unknown>): (answer: unknown) => void
}

const noAnswers: CachedAnswers = { get: () => undefined, put: () => () => undefined }

/** The capability of a query: it calls the contract as one principal. */
export class Contract extends Context.Service<
  Contract,
  {
    /** Calls a method with JSON and returns JSON. */
    call(method: string, params: unknown): Effect.Effect<unknown, Fault>
    /** Sends a value to the client before the answer. It does nothing for events and HTTP requests. */
    emit(value: unknown): Effect.Effect<void>
    readonly answers: CachedAnswers
  }
>()("causeway/transport/dialect/Query/Contract") {
  /** Returns a capability that calls methods, drops emitted values and caches no answers. */
  static readonly calling = (call: Contract["Service"]["call"]): Contract["Service"] =>
    Contract.of({ call, emit: () => Effect.void, answers: noAnswers })
}

/** The methods that return one result. */
export type CallableMethod = Exclude<GatewayRpcs["_tag"], "chat.stream" | "events.subscribe" | "authenticate">
type RpcOf<M extends CallableMethod> = Extract<GatewayRpcs, { readonly _tag: M }>
/** The parameters of a method as JSON. */
export type Params<M extends CallableMethod> = RpcOf<M>["payloadSchema"]["Encoded"]
/** The result of a method as JSON. */
export type Result<M extends CallableMethod> = RpcOf<M>["successSchema"]["Encoded"]

/** Calls a method of the contract. */
export const call = <M extends CallableMethod>(method: M, params: Params<M>): Query<Result<M>> =>
  // The method's own schema has encoded the result.
  Contract.use((contract) => contract.call(method, params)) as Query<Result<M>>

/** Sends a value to the client before the answer. */
export const emit = (value: unknown): Query<void> => Contract.use((contract) => contract.emit(value))

/**
 * Returns a query whose answer all callers with the same scopes share until the next event. Its answer must depend only
 * on the state of the gateway and the caller's scopes. Make it once: the cache finds answers by the query's identity.
 */
export const cached = <A>(query: Query<A>): Query<A> => {
  const shared: Query<A> = Contract.use(({ answers }) => {
    const known = answers.get(shared)
    // Only this query stores answers under its identity.
    if (known !== undefined) return Effect.succeed(known as A)
    const put = answers.put(shared)
    return Effect.tap(query, (answer) => Effect.sync(() => put(answer)))
  })
  return shared
}

/** Returns whether the fault is the contract's error with this tag. */
export const isError = (fault: Fault, tag: string): boolean => fault._tag === "Domain" && fault.error._tag === tag

/** Runs another query if the contract fails with the error of this tag. */
export const catchError = <A, B>(query: Query<A>, tag: string, handle: (error: Tagged) => Query<B>): Query<A | B> =>
  Effect.catch(query, (fault): Query<B> =>
    fault._tag === "Domain" && fault.error._tag === tag ? handle(fault.error) : fail(fault),
  )

/** Returns the outcome of a query that makes no calls. Returns `undefined` if the query has to run. */
export const outcomeOf = <A>(query: Query<A>): Exit.Exit<A, Fault> | undefined =>
  // An Effect made by `succeed` or `fail` is its own Exit.
  Exit.isExit(query) ? (query as Exit.Exit<A, Fault>) : undefined

/** Fails with a fault. */
export const fail = (fault: Fault): Query<never> => Effect.fail(fault)
