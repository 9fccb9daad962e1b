/**
 * JsonRpc: JSON-RPC 2.0 as a dialect. It decodes requests and batches, and encodes responses, errors and events.
 * Mounts.ts mounts it as a WebSocket, and JsonRpcHttp.ts over HTTP. docs/protocol/json-rpc.md describes the protocol.
 */
import * as Effect from "effect/Effect"
import { SECRET_CHARS } from "../../domain/Bounds.ts"
import type { Principal } from "../../domain/Principal.ts"
import { shapeProblems } from "../connection/JsonShape.ts"
import type { ConnectionFacts, Conversation, Dialect, Inbound, Ref, Unreadable } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import { isObject } from "../dialect/Json.ts"
import { Batch, type Held } from "./Batch.ts"
import { type Entry, type Id, type JsonRpcError, readFrame, type Request, writeError, writeResult } from "./Envelope.ts"
import * as Errors from "./Errors.ts"
import { methods, positionalOf } from "./Methods.ts"
import { callItem, encode, TYPING } from "./Notifications.ts"

export interface JsonRpcRef extends Ref {
  /** The id of the response. `undefined` for a notification, which gets no response. */
  readonly responseId: Id | undefined
  /** The batch that the response is part of, and its place there. */
  readonly batch: Batch | undefined
  readonly place: number
}

type In = Inbound<JsonRpcRef, string>

/** The methods that authenticate a client. An authenticated client calls the contract's method by the same names. */
const AUTHENTICATE = new Set(["authenticate", "gateway.authenticate"])

/** The second name is that of the Language Server Protocol. */
const CANCEL = new Set(["$/cancel", "$/cancelRequest"])

/** Subscribes a client to typing notifications. Every client gets this subscription when it has authenticated. */
const subscribeTyping: In = { _tag: "Subscribe", key: TYPING, view: TYPING, filter: { topics: ["chat"] } }

const getsResponse = (entry: Entry): boolean => entry._tag === "Invalid" || entry.id !== undefined

/** The parameter that may go by position, by method. */
const positionals = new Map<string, string>([...CANCEL].map((method) => [method, "id"]))
for (const [name, method] of methods) {
  const positional = positionalOf(method)
  if (positional !== undefined) positionals.set(name, positional)
}

type NamedParams = { readonly params: unknown } | { readonly issue: string }

/**
 * Returns the parameters by name. An empty array stands for no parameters. A client may give the only required
 * parameter of a method by position.
 */
const namedParams = (method: string, params: unknown): NamedParams => {
  if (!Array.isArray(params) || params.length === 0) return { params: Array.isArray(params) ? undefined : params }
  const positional = positionals.get(method)
  if (positional === undefined) return { issue: "parameters go by name, in an object" }
  if (params.length > 1) return { issue: `only ${positional} may go by position, the others by name in an object` }
  return { params: { [positional]: params[0] as unknown } }
}

/** Returns the frame to send. Returns `undefined` if the response is part of a batch that lacks other responses. */
const frameOf = ({ batch, place }: JsonRpcRef, response: string): string | undefined =>
  batch === undefined ? response : batch.put(place, response)

const send = (text: string | undefined): ReadonlyArray<In> => (text === undefined ? [] : [{ _tag: "Send", text }])

const tooLargeForBatch = Errors.ofFault({ _tag: "Limited", limit: "bytes-in-flight", retryAfterMs: 0 })

const succeed = (ref: JsonRpcRef, result: unknown): string | undefined => {
  if (ref.responseId === undefined) return undefined
  const response = writeResult(ref.responseId, result)
  return ref.batch === undefined || ref.batch.hasRoomFor(response)
    ? frameOf(ref, response)
    : fail(ref, tooLargeForBatch)
}

const fail = (ref: JsonRpcRef, error: JsonRpcError): string | undefined =>
  ref.responseId === undefined ? undefined : frameOf(ref, writeError(ref.responseId, error))

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
    if (!isBatch) return this.#readEntry(entries[0]!, undefined, 0, principal)
    const responses = entries.filter(getsResponse).length
    const batch = responses > 0 ? new Batch(responses, this.#held) : undefined
    let place = 0
    return entries.flatMap((entry) => this.#readEntry(entry, batch, getsResponse(entry) ? place++ : place, principal))
  }

  #readEntry(
    entry: Entry,
    batch: Batch | undefined,
    place: number,
    principal: Principal | undefined,
  ): ReadonlyArray<In> {
    const ref = { id: entry.id ?? undefined, responseId: entry.id, batch, place }
    switch (entry._tag) {
      case "Response":
        return []
      case "Invalid":
        return send(fail(ref, Errors.invalidRequest(entry.issue)))
      case "Request":
        return this.#readRequest(ref, entry, principal)
    }
  }

  #readRequest(ref: JsonRpcRef, request: Request, principal: Principal | undefined): ReadonlyArray<In> {
    const { method } = request
    const isCancel = CANCEL.has(method)
    if (!isCancel && !methods.has(method)) return [{ _tag: "Call", ref, method, params: undefined }]
    if (request.params !== undefined && typeof request.params !== "object") {
      return send(fail(ref, Errors.invalidRequest("params must be an object or an array")))
    }
    const named = namedParams(method, request.params)
    if ("issue" in named) return send(fail(ref, Errors.ofFault({ _tag: "InvalidParams", issue: named.issue })))
    const { params } = named
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
    return send(writeError(null, why === "bug" ? Errors.internal : Errors.invalidRequest(shapeProblems[why])))
  }

  authenticated(ref: JsonRpcRef, principal: Principal): ReadonlyArray<In> {
    return [...send(succeed(ref, { connectionId: this.#facts.connectionId, principal })), subscribeTyping]
  }

  success(ref: JsonRpcRef, _method: string, value: unknown): string | undefined {
    return succeed(ref, value ?? null)
  }

  failure(ref: JsonRpcRef, _method: string, fault: Fault): string | undefined {
    // With its id, the client would take this error for the response to the other call.
    const responseId = fault._tag === "DuplicateId" && ref.responseId !== undefined ? null : ref.responseId
    return fail({ ...ref, responseId }, Errors.ofFault(fault))
  }

  item({ responseId }: JsonRpcRef, _method: string, value: unknown): string | undefined {
    return responseId === undefined || !this.#facts.pushes ? undefined : callItem(responseId, value)
  }
}

/** The view is the subscription's id, which every frame contains. */
export const jsonRpc: Dialect<JsonRpcRef, string> = {
  name: "json-rpc",
  methods,
  converse: (facts) => new JsonRpcConversation(facts),
  viewKey: (subscription) => subscription,
  subscriptionView: (subscription) => subscription,
  event: (subscription, item, json) => Effect.succeed(encode(subscription, item, json)),
}
