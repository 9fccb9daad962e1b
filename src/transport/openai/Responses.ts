/**
 * Responses: `POST /v1/responses` (https://platform.openai.com/docs/api-reference/responses). A response is a run: its id
 * holds the id of the run, so that `previous_response_id` finds the session. OpenAi.ts mounts it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { randomUUID } from "node:crypto"
import { maybe } from "../dialect/Params.ts"
import { call, isError } from "../dialect/Query.ts"
import type { ApiCall } from "../http/ApiRoutes.ts"
import * as RequestBody from "../http/RequestBody.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import * as AgentRun from "./AgentRun.ts"
import { checkSupport, Content, isOtherThanText, Model, readContent, type Unsupported } from "./Content.ts"
import { unsupportedTools, User } from "./Content.ts"
import { turnOf, type Utterance } from "./Conversation.ts"
import { invalid, ofFault, ofRun, refuse, respond } from "./Errors.ts"
import { type Head, responseOf, ResponseEvents } from "./ResponseEvents.ts"
import * as ServerEvents from "./ServerEvents.ts"
import { type Target, targetOf } from "./Target.ts"

const Role = Schema.Literals(["system", "developer", "user", "assistant"])

/** A message, or a reference to an earlier reply by the id of its message. */
const Item = Schema.Struct({
  type: maybe(Schema.String),
  role: maybe(Role),
  content: Schema.optionalKey(Content),
  id: maybe(Schema.String),
})
type Item = typeof Item.Type

/** Fields that this schema does not name set the model. The agent has its own settings, so they have no effect. */
const Request = Schema.Struct({
  model: Model,
  input: Schema.Union([Schema.String, Schema.Array(Item)]),
  instructions: maybe(Schema.String),
  previous_response_id: maybe(Schema.String),
  store: maybe(Schema.Boolean),
  stream: maybe(Schema.Boolean),
  user: User,
  tools: Schema.optionalKey(Schema.Unknown),
  tool_choice: Schema.optionalKey(Schema.Unknown),
  text: maybe(Schema.Struct({ format: Schema.optionalKey(Schema.Unknown) })),
  background: maybe(Schema.Boolean),
  conversation: Schema.optionalKey(Schema.Unknown),
})
type Request = typeof Request.Type

const unsupported: ReadonlyArray<Unsupported<Request>> = [
  unsupportedTools,
  {
    param: "text.format",
    isGiven: ({ text }) => isOtherThanText(text?.format),
    remedy: "ask for the format in the input",
  },
  {
    param: "background",
    isGiven: ({ background }) => background === true,
    remedy: "wait for the response, or stream it",
  },
  {
    param: "conversation",
    isGiven: ({ conversation }) => (conversation ?? null) !== null,
    remedy: "use previous_response_id",
  },
]

const RESPONSE_ID = /^resp_([0-9a-f-]{36})$/
const MESSAGE_ID = /^msg_([0-9a-f-]{36})$/

/** Returns the run of an id, or fails with the response to an unknown one. */
const runOf = Effect.fnUntraced(function* (id: string, pattern: RegExp, param: string) {
  const unknown = invalid(param, `"${id.slice(0, 60)}" does not exist, or is no longer kept`, "not_found")
  const runId = pattern.exec(id)?.[1]
  if (runId === undefined) return yield* Effect.fail(unknown)
  return yield* Effect.mapError(call("runs.wait", { runId, timeoutMs: 0 }), (fault) =>
    isError(fault, "RunNotFound") ? unknown : refuse(fault),
  )
})

const utteranceOf = Effect.fnUntraced(function* ({ content, id, role, type }: Item, i: number) {
  const param = `input[${i}]`
  if (type === "item_reference") {
    const { reply = "" } = yield* runOf(id ?? "", MESSAGE_ID, `${param}.id`)
    return { role: "assistant", text: reply } satisfies Utterance
  }
  if ((type ?? "message") !== "message") {
    const message = `items of the type "${String(type).slice(0, 40)}" are not supported: send messages`
    return yield* Effect.fail(invalid(`${param}.type`, message))
  }
  if (role === undefined || role === null) return yield* Effect.fail(invalid(`${param}.role`, "a message needs a role"))
  const said = yield* readContent(content, `${param}.content`)
  return { role: role === "developer" ? "system" : role, ...said } satisfies Utterance
})

/** Returns the conversation of a request. */
const conversationOf = Effect.fnUntraced(function* ({ input, instructions }: Request) {
  const system: ReadonlyArray<Utterance> = instructions ? [{ role: "system", text: instructions }] : []
  if (typeof input === "string") return [...system, { role: "user" as const, text: input }]
  return [...system, ...(yield* Effect.forEach(input, utteranceOf))]
})

/** Returns the session of an earlier response, on the condition that nothing came after it. */
const continued = Effect.fnUntraced(function* (id: string, agentId: string) {
  const param = "previous_response_id"
  const { runId, sessionKey } = yield* runOf(id, RESPONSE_ID, param)
  const history = Effect.catchIf(
    call("sessions.history", { key: sessionKey, limit: 1 }),
    (fault) => isError(fault, "SessionNotFound"),
    () => Effect.succeed({ messages: [] }),
  )
  const newest = (yield* Effect.mapError(history, refuse)).messages.at(-1)
  if (newest?.runId !== runId || newest.role !== "assistant") {
    const message =
      "the response is not the last one of its conversation, or it was not kept: continue from the last one"
    return yield* Effect.fail(invalid(param, message))
  }
  return { agentId, sessionKey, isKept: true, isNew: false, expected: { lastMessageId: newest.id } }
})

/** Returns the target. A response of a new session is kept, unless the client forbids it with `store`. */
const sessionOf = Effect.fnUntraced(function* (api: ApiCall, request: Request) {
  const target: Target = yield* targetOf(api.request, request)
  const { previous_response_id: previous, store } = request
  if (previous) return yield* continued(previous, target.agentId)
  return { ...target, isNew: !target.isKept, isKept: target.isKept || store !== false }
})

const readRequest = RequestBody.json(Request)

export const make = Effect.map(AgentRun.make, (start) =>
  Effect.fnUntraced(function* (api: ApiCall, calls: Calls) {
    const request = yield* readRequest(api)
    yield* checkSupport(request, unsupported)
    const conversation = yield* conversationOf(request)
    const { isKept, isNew, ...target } = yield* sessionOf(api, request)
    const message = turnOf(conversation, !isNew)
    if (message === undefined) {
      return yield* Effect.fail(invalid("input", "the input must end with a text or a file of the role user"))
    }
    const runId = randomUUID()
    const head: Head = {
      runId,
      createdAt: Math.floor((yield* Clock.currentTimeMillis) / 1_000),
      model: request.model,
      instructions: request.instructions ?? null,
      previousId: request.previous_response_id ?? null,
      isStored: isKept,
    }
    const pieces = yield* Effect.mapError(
      start(calls, { ...target, ...message, idempotencyKey: runId }, isKept),
      refuse,
    )
    if (request.stream === true) {
      const events = new ResponseEvents(head)
      const texts = Stream.concat(
        Stream.fromIterable(events.begin()),
        Stream.flattenIterable(Stream.map(pieces, (piece) => events.of(piece))),
      )
      return ServerEvents.respond(Stream.map(texts, ServerEvents.named), (fault) =>
        ServerEvents.named(events.failed(ofFault(fault).error)),
      )
    }
    const reply = yield* Effect.mapError(AgentRun.whole(pieces), refuse)
    if (reply.ended.outcome === "failed") return yield* Effect.fail(respond(ofRun(reply.ended.error)))
    return HttpServerResponse.jsonUnsafe(responseOf(head, reply.text, reply.ended), {
      headers: { "cache-control": "no-store" },
    })
  }),
)
