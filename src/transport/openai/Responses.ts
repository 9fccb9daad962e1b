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
import { checkSupport, Content, isOtherThanText, Model, readContent, type Unsupported, User } from "./Content.ts"
import type { Utterance } from "./Conversation.ts"
import { invalid, ofFault, ofRun, refuse, respond } from "./Errors.ts"
import * as FunctionTools from "./FunctionTools.ts"
import { callIdOf, type Head, responseOf, ResponseEvents } from "./ResponseEvents.ts"
import * as ServerEvents from "./ServerEvents.ts"
import { chainKey, targetOf } from "./Target.ts"
import * as ToolResults from "./ToolResults.ts"

const Role = Schema.Literals(["system", "developer", "user", "assistant"])

/** A message, a call of a client's tool, the result of one, or a reference to an earlier item by its id. */
const Item = Schema.Struct({
  type: maybe(Schema.String),
  role: maybe(Role),
  content: Schema.optionalKey(Content),
  id: maybe(Schema.String),
  call_id: maybe(Schema.String),
  name: maybe(Schema.String),
  arguments: maybe(Schema.String),
  output: Schema.optionalKey(Content),
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
  ...FunctionTools.fields,
  text: maybe(Schema.Struct({ format: Schema.optionalKey(Schema.Unknown) })),
  background: maybe(Schema.Boolean),
  conversation: Schema.optionalKey(Schema.Unknown),
})
type Request = typeof Request.Type

const unsupported: ReadonlyArray<Unsupported<Request>> = [
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

const referenced = Effect.fnUntraced(function* (id: string, param: string) {
  const callId = callIdOf(id)
  // The session has the call itself.
  if (callId !== undefined) {
    return { role: "assistant", text: "", calls: [{ id: callId, name: "", arguments: "" }] } satisfies Utterance
  }
  const { reply = "" } = yield* runOf(id, MESSAGE_ID, param)
  return { role: "assistant", text: reply } satisfies Utterance
})

const utteranceOf = Effect.fnUntraced(function* (item: Item, i: number) {
  const param = `input[${i}]`
  const { call_id: callId, content, id, name, output, role, type } = item
  switch (type ?? "message") {
    case "item_reference":
      return yield* referenced(id ?? "", `${param}.id`)
    case "function_call":
    case "function_call_output": {
      if (!callId) return yield* Effect.fail(invalid(`${param}.call_id`, "a call and its result need a call_id"))
      if (type === "function_call_output") {
        const said = yield* readContent(output, `${param}.output`)
        return { role: "tool", ...said, resultOf: callId } satisfies Utterance
      }
      const called = { id: callId, name: name ?? "", arguments: item.arguments ?? "" }
      return { role: "assistant", text: "", calls: [called] } satisfies Utterance
    }
    // Clients send the thinking of other servers back. The agent keeps its own.
    case "reasoning":
      return { role: "assistant", text: "" } satisfies Utterance
    case "message": {
      if (!role) return yield* Effect.fail(invalid(`${param}.role`, "a message needs a role"))
      const said = yield* readContent(content, `${param}.content`)
      return { role: role === "developer" ? "system" : role, ...said } satisfies Utterance
    }
    default: {
      const message = `items of the type "${String(type).slice(0, 40)}" are not supported: send messages, function calls or their results`
      return yield* Effect.fail(invalid(`${param}.type`, message))
    }
  }
})

/** Returns the conversation of a request. */
const conversationOf = Effect.fnUntraced(function* ({ input, instructions }: Request) {
  const system: ReadonlyArray<Utterance> = instructions ? [{ role: "system", text: instructions }] : []
  if (typeof input === "string") return [...system, { role: "user" as const, text: input }]
  return [...system, ...(yield* Effect.forEach(input, utteranceOf))]
})

/** Returns the session of an earlier response, on the condition that nothing came after it. */
const afterResponse = Effect.fnUntraced(function* (id: string, agentId: string) {
  const param = "previous_response_id"
  const { runId, sessionKey } = yield* runOf(id, RESPONSE_ID, param)
  const history = Effect.catchIf(
    call("sessions.history", { key: sessionKey, limit: 1 }),
    (fault) => isError(fault, "SessionNotFound"),
    () => Effect.succeed({ messages: [] }),
  )
  const newest = (yield* Effect.mapError(history, refuse)).messages.at(-1)
  // A run without a text ends with its calls.
  if (newest?.runId !== runId || newest.role === "user") {
    const message =
      "the response is not the last one of its conversation, or it was not kept: continue from the last one"
    return yield* Effect.fail(invalid(param, message))
  }
  const target = { agentId, sessionKey, isKept: true, expected: { lastMessageId: newest.id } }
  return { target, isNamed: true, isNew: false }
})

/** Returns the session of a request. A response of a new session is kept, unless the client forbids it with `store`. */
const sessionOf = Effect.fnUntraced(function* (api: ApiCall, request: Request) {
  const target = yield* targetOf(api.request, request)
  const { previous_response_id: previous, store } = request
  if (previous) return yield* afterResponse(previous, target.agentId)
  if (target.isKept || store === false) return { target, isNamed: target.isKept, isNew: !target.isKept }
  const sessionKey = chainKey(target.agentId)
  return { target: { ...target, sessionKey, isKept: true }, isNamed: false, isNew: true }
})

const readRequest = RequestBody.json(Request)

export const make = Effect.gen(function* () {
  const start = yield* AgentRun.make
  const checkTools = yield* FunctionTools.makeCheck
  return Effect.fnUntraced(function* (api: ApiCall, calls: Calls) {
    const request = yield* readRequest(api)
    yield* checkSupport(request, unsupported)
    const offer = yield* FunctionTools.offerOf(request)
    const conversation = yield* conversationOf(request)
    const { target: found, ...options } = yield* sessionOf(api, request)
    const {
      message,
      target: { isKept, ...target },
    } = yield* ToolResults.continued(conversation, found, { ...options, param: "input" })
    if (offer !== undefined) yield* checkTools(target)
    const runId = randomUUID()
    const head: Head = {
      runId,
      createdAt: Math.floor((yield* Clock.currentTimeMillis) / 1_000),
      model: request.model,
      instructions: request.instructions ?? null,
      previousId: request.previous_response_id ?? null,
      isStored: isKept,
      tools: {
        tools: request.tools ?? [],
        tool_choice: request.tool_choice ?? "auto",
        parallel_tool_calls: request.parallel_tool_calls !== false,
      },
    }
    const pieces = yield* Effect.mapError(
      start(calls, { ...target, ...message, idempotencyKey: runId }, { isKept, offer }),
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
  })
})
