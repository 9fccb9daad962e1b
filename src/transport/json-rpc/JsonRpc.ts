/**
 * JSON-RPC 2.0 as a dialect: what its frames mean, and how answers, errors and events are worded. Methods are in
 * Methods.ts, envelopes in Envelope.ts; the protocol for people is docs/protocol/json-rpc.md.
 */
import * as Effect from "effect/Effect"
import { SECRET_CHARS } from "../../domain/Bounds.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { ConnectionFacts, Conversation, Dialect, Inbound, Ref, Unreadable } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import { isObject } from "../dialect/Json.ts"
import { Batch, type Held } from "./Batch.ts"
import { type Entry, type Id, type JsonRpcError, readFrame, type Request, writeError, writeResult } from "./Envelope.ts"
import * as Errors from "./Errors.ts"
import { methods, positionalOf } from "./Methods.ts"
import { callItem, encode, TYPING } from "./Notifications.ts"

export interface JsonRpcRef extends Ref {
  /** The id to answer with. Undefined: a notification. */
  readonly answerTo: Id | undefined
  /** The batch that the answer is part of, and its place there. */
  readonly batch: Batch | undefined
  readonly place: number
}

type In = Inbound<JsonRpcRef, string>

const AUTHENTICATE = new Set(["authenticate", "gateway.authenticate"])

/** The second name is that of the Language Server Protocol. */
const CANCEL = new Set(["$/cancel", "$/cancelRequest"])

/** Subscribes every client to typing notifications, as soon as it has authenticated. */
const subscribeTyping: In = { _tag: "Subscribe", key: TYPING, view: TYPING, filter: { topics: ["chat"] } }

const isAnswered = (entry: Entry): boolean => entry._tag === "Invalid" || entry.id !== undefined

/** By method: the parameter that may go by position. */
const positionals = new Map<string, string>([...CANCEL].map((method) => [method, "id"]))
for (const [name, method] of methods) {
  const positional = positionalOf(method)
  if (positional !== undefined) positionals.set(name, positional)
}

type Named = { readonly params: unknown } | { readonly issue: string }

/** Parameters go by name. An empty array names none, and of a method with one required parameter one may go by position. */
const named = (method: string, params: unknown): Named => {
  if (!Array.isArray(params) || params.length === 0) return { params: Array.isArray(params) ? undefined : params }
  const positional = positionals.get(method)
  if (positional === undefined) return { issue: "parameters go by name, in an object" }
  if (params.length > 1) return { issue: `only ${positional} may go by position, the others by name in an object` }
  return { params: { [positional]: params[0] as unknown } }
}

const inBatch = ({ batch, place }: JsonRpcRef, answer: string): string | undefined =>
  batch === undefined ? answer : batch.put(place, answer)

const send = (text: string | undefined): ReadonlyArray<In> => (text === undefined ? [] : [{ _tag: "Send", text }])

const tooLargeForBatch = Errors.ofFault({ _tag: "Limited", limit: "bytes-in-flight", retryAfterMs: 0 })

const succeed = (ref: JsonRpcRef, result: unknown): string | undefined => {
  if (ref.answerTo === undefined) return undefined
  const answer = writeResult(ref.answerTo, result)
  return ref.batch === undefined || ref.batch.takes(answer) ? inBatch(ref, answer) : fail(ref, tooLargeForBatch)
}

const fail = (ref: JsonRpcRef, error: JsonRpcError): string | undefined =>
  ref.answerTo === undefined ? undefined : inBatch(ref, writeError(ref.answerTo, error))

class JsonRpcConversation implements Conversation<JsonRpcRef, string> {
  readonly #facts: ConnectionFacts
  readonly #held: Held = { chars: 0 }

  constructor(facts: ConnectionFacts) {
    this.#facts = facts
  }

  greet(principal: Principal | undefined): ReadonlyArray<In> {
    return principal === undefined ? [] : [subscribeTyping]
  }

  read(text: string, principal: Principal | undefined): ReadonlyArray<In> {
    const frame = readFrame(text)
    if (frame === undefined) return send(writeError(null, Errors.parseError))
    const { entries, isBatch } = frame
    const answered = entries.filter(isAnswered)
    const batch = isBatch && answered.length > 0 ? new Batch(answered.length, this.#held) : undefined
    let place = 0
    return entries.flatMap((entry) => {
      const { id } = entry
      const ref = { id: id ?? undefined, answerTo: id, batch, place }
      if (isAnswered(entry)) place++
      switch (entry._tag) {
        case "Answer":
          return []
        case "Invalid":
          return send(fail(ref, Errors.invalidRequest(entry.issue)))
        case "Request":
          return this.#readRequest(ref, entry, principal)
      }
    })
  }

  #readRequest(ref: JsonRpcRef, request: Request, principal: Principal | undefined): ReadonlyArray<In> {
    const { method } = request
    const isCancel = CANCEL.has(method)
    if (!isCancel && !methods.has(method)) return [{ _tag: "Call", ref, method, params: undefined }]
    if (request.params !== undefined && typeof request.params !== "object") {
      return send(fail(ref, Errors.invalidRequest("params must be an object or an array")))
    }
    const read = named(method, request.params)
    if ("issue" in read) return send(fail(ref, Errors.ofFault({ _tag: "InvalidParams", issue: read.issue })))
    const { params } = read
    if (isCancel) return this.#cancel(ref, params)
    if (principal === undefined && AUTHENTICATE.has(method)) {
      const token = isObject(params) && typeof params["token"] === "string" ? params["token"] : undefined
      if (token !== undefined && token.length > SECRET_CHARS) {
        const issue = `a token has ${SECRET_CHARS} characters at most`
        return send(fail(ref, Errors.ofFault({ _tag: "InvalidParams", issue })))
      }
      return [{ _tag: "Authenticate", ref, token }]
    }
    return [{ _tag: "Call", ref, method, params }]
  }

  #cancel(ref: JsonRpcRef, params: unknown): ReadonlyArray<In> {
    const id = isObject(params) ? params["id"] : undefined
    if (typeof id !== "string" && typeof id !== "number") {
      return send(fail(ref, Errors.ofFault({ _tag: "InvalidParams", issue: "id must be the id of a call" })))
    }
    return [{ _tag: "Cancel", id }, ...send(succeed(ref, null))]
  }

  unreadable(why: Unreadable): ReadonlyArray<In> {
    return send(
      writeError(null, why === "bug" ? Errors.internal : Errors.invalidRequest("the JSON is nested too deep")),
    )
  }

  authenticated(ref: JsonRpcRef, principal: Principal): ReadonlyArray<In> {
    return [...send(succeed(ref, { connectionId: this.#facts.connectionId, principal })), subscribeTyping]
  }

  success(ref: JsonRpcRef, _method: string, value: unknown): string | undefined {
    return succeed(ref, value ?? null)
  }

  failure(ref: JsonRpcRef, _method: string, fault: Fault): string | undefined {
    // With the id, it would be taken for the answer to the call that has it.
    const answerTo = fault._tag === "DuplicateId" && ref.answerTo !== undefined ? null : ref.answerTo
    return fail({ ...ref, answerTo }, Errors.ofFault(fault))
  }

  item({ answerTo }: JsonRpcRef, _method: string, value: unknown): string | undefined {
    return answerTo === undefined || !this.#facts.pushes ? undefined : callItem(answerTo, value)
  }
}

/** The view is the id of the subscription, which is part of every frame. */
export const jsonRpc: Dialect<JsonRpcRef, string> = {
  name: "json-rpc",
  methods,
  converse: (facts) => new JsonRpcConversation(facts),
  viewKey: (subscription) => subscription,
  subscriptionView: (subscription) => subscription,
  event: (subscription, item, json) => Effect.succeed(encode(subscription, item, json)),
}
