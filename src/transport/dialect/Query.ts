/**
 * Inquiry: an answer that takes calls of the contract to make, as pure steps: what to call, and what follows from how
 * it ended. Who makes the calls, and as whom, is the interpreter's.
 */
import * as Effect from "effect/Effect"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Fault } from "./Fault.ts"

export type Inquiry<A> = Known<A> | Failed | Ask<A> | Shared<A> | Tell<A>

export interface Known<A> {
  readonly _tag: "Known"
  readonly value: A
}

export interface Failed {
  readonly _tag: "Failed"
  readonly fault: Fault
}

/** An answer before the answer. Only a client's own call has somebody to hear it. */
export interface Tell<A> {
  readonly _tag: "Tell"
  readonly value: unknown
  readonly next: () => Inquiry<A>
}

export interface Ask<A> {
  readonly _tag: "Ask"
  readonly method: string
  readonly params: unknown
  readonly onResult: (result: unknown) => Inquiry<A>
  readonly onFault: (fault: Fault) => Inquiry<A>
}

/** The answer to another inquiry, which is the same for all who may read as much. */
export interface Shared<A> {
  readonly _tag: "Shared"
  readonly inquire: () => Inquiry<unknown>
  readonly onResult: (result: unknown) => Inquiry<A>
  readonly onFault: (fault: Fault) => Inquiry<A>
}

/** What shared inquiries have been answered to somebody who may read as much, while nothing has happened since. */
export interface Recollection {
  /** Undefined: it has to be asked. */
  recall(inquire: Shared<unknown>["inquire"]): unknown
  /** To be called before it is asked: keeps the answer, unless something happens meanwhile. */
  keep(inquire: Shared<unknown>["inquire"]): (answer: unknown) => void
}

/** The methods that answer once. */
export type AskedMethod = Exclude<GatewayRpcs["_tag"], "chat.stream" | "events.subscribe" | "authenticate">
type RpcOf<M extends AskedMethod> = Extract<GatewayRpcs, { readonly _tag: M }>
/** The parameters of a method as JSON. */
export type Params<M extends AskedMethod> = RpcOf<M>["payloadSchema"]["Encoded"]
/** The result of a method as JSON. */
export type Result<M extends AskedMethod> = RpcOf<M>["successSchema"]["Encoded"]

export const known = <A>(value: A): Known<A> => ({ _tag: "Known", value })

export const failed = (fault: Fault): Failed => ({ _tag: "Failed", fault })

export const tell = <A>(value: unknown, next: () => Inquiry<A>): Tell<A> => ({ _tag: "Tell", value, next })

/** Without `onFault`, a call that fails fails the inquiry. */
export const ask = <M extends AskedMethod, A>(
  method: M,
  params: Params<M>,
  onResult: (result: Result<M>) => Inquiry<A>,
  onFault: (fault: Fault) => Inquiry<A> = failed,
): Ask<A> => ({
  _tag: "Ask",
  method,
  params,
  // What a method answers is its result.
  onResult: (result) => onResult(result as Result<M>),
  onFault,
})

/** For what depends on nothing but what has happened, and on what its reader may read. */
export const shared = <A>(inquire: () => Inquiry<A>): Inquiry<A> => ({
  _tag: "Shared",
  inquire,
  // What the inquiry is answered is its answer.
  onResult: (answer) => known(answer as A),
  onFault: failed,
})

export const flatMap = <A, B>(inquiry: Inquiry<A>, f: (value: A) => Inquiry<B>): Inquiry<B> => {
  switch (inquiry._tag) {
    case "Known":
      return f(inquiry.value)
    case "Failed":
      return inquiry
    case "Tell":
      return { ...inquiry, next: () => flatMap(inquiry.next(), f) }
    case "Ask":
    case "Shared":
      return {
        ...inquiry,
        onResult: (result) => flatMap(inquiry.onResult(result), f),
        onFault: (fault) => flatMap(inquiry.onFault(fault), f),
      }
  }
}

export const map = <A, B>(inquiry: Inquiry<A>, f: (value: A) => B): Inquiry<B> =>
  flatMap(inquiry, (value) => known(f(value)))

type Answers<T> = { readonly [K in keyof T]: T[K] extends Inquiry<infer A> ? A : never }

/** Several answers together, by name; asked for in their order. */
export const all = <T extends { readonly [name: string]: Inquiry<unknown> }>(inquiries: T): Inquiry<Answers<T>> =>
  Object.entries(inquiries).reduce<Inquiry<object>>(
    (before, [name, inquiry]) => flatMap(before, (answers) => map(inquiry, (value) => ({ ...answers, [name]: value }))),
    known({}),
    // Each name has been given its own answer, which an object of any names cannot say.
  ) as Inquiry<Answers<T>>

const nothing: Recollection = { recall: () => undefined, keep: () => () => {} }

/** As far as it gets without asking. */
export const begin = <A>(inquiry: Inquiry<A>, { recall }: Recollection): Inquiry<A> => {
  let step = inquiry
  while (step._tag === "Shared") {
    const answer = recall(step.inquire)
    if (answer === undefined) return step
    step = step.onResult(answer)
  }
  return step
}

/** Makes the calls one after another. */
export const run = Effect.fnUntraced(function* <A>(
  inquiry: Inquiry<A>,
  call: (method: string, params: unknown) => Effect.Effect<unknown, Fault>,
  hear: (value: unknown) => Effect.Effect<void> = () => Effect.void,
  recollection: Recollection = nothing,
): Effect.fn.Return<A, Fault> {
  let step = begin(inquiry, recollection)
  while (step._tag !== "Known" && step._tag !== "Failed") {
    switch (step._tag) {
      case "Tell": {
        yield* hear(step.value)
        step = step.next()
        break
      }
      case "Ask": {
        const { method, onFault, onResult, params } = step
        step = yield* Effect.match(call(method, params), { onSuccess: onResult, onFailure: onFault })
        break
      }
      case "Shared": {
        const { inquire, onFault, onResult } = step
        const keep = recollection.keep(inquire)
        const answer = Effect.tap(run(inquire(), call, hear, recollection), (answer) => Effect.sync(() => keep(answer)))
        step = yield* Effect.match(answer, { onSuccess: onResult, onFailure: onFault })
      }
    }
    step = begin(step, recollection)
  }
  return step._tag === "Known" ? step.value : yield* Effect.fail(step.fault)
})

/** What a client that may not know is told instead: a refusal of what is asked on the way is no refusal of the whole. */
export const orNothing = <A>(inquiry: Inquiry<A>, nothing: A): Inquiry<A> => {
  switch (inquiry._tag) {
    case "Failed":
      return known(nothing)
    case "Ask":
    case "Shared":
      return {
        ...inquiry,
        onResult: (result) => orNothing(inquiry.onResult(result), nothing),
        onFault: (fault) => orNothing(inquiry.onFault(fault), nothing),
      }
    default:
      return inquiry
  }
}
