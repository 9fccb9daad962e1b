/**
 * ChatCompletions: `POST /v1/chat/completions` (https://platform.openai.com/docs/api-reference/chat). OpenAi.ts mounts it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { randomUUID } from "node:crypto"
import type { Usage } from "../../domain/Message.ts"
import { maybe } from "../dialect/Params.ts"
import type { ApiCall } from "../http/ApiRoutes.ts"
import * as RequestBody from "../http/RequestBody.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import * as AgentRun from "./AgentRun.ts"
import { checkSupport, Content, isOtherThanText, Model, readContent, type Unsupported, User } from "./Content.ts"
import type { FunctionCall, Utterance } from "./Conversation.ts"
import { ofFault, ofRun, refuse, respond } from "./Errors.ts"
import * as FunctionTools from "./FunctionTools.ts"
import * as ServerEvents from "./ServerEvents.ts"
import { targetOf } from "./Target.ts"
import * as ToolResults from "./ToolResults.ts"

const Role = Schema.Literals(["system", "developer", "user", "assistant", "tool", "function"])

const ToolCall = Schema.Struct({
  id: Schema.String,
  function: maybe(Schema.Struct({ name: Schema.String, arguments: Schema.String })),
})

const Message = Schema.Struct({
  role: Role,
  content: Schema.optionalKey(Content),
  tool_calls: maybe(Schema.Array(ToolCall)),
  tool_call_id: maybe(Schema.String),
})
type Message = typeof Message.Type

/** Fields that this schema does not name set the model. The agent has its own settings, so they have no effect. */
const Request = Schema.Struct({
  model: Model,
  messages: Schema.Array(Message),
  stream: maybe(Schema.Boolean),
  stream_options: maybe(Schema.Struct({ include_usage: maybe(Schema.Boolean) })),
  user: User,
  n: maybe(Schema.Int),
  ...FunctionTools.fields,
  functions: Schema.optionalKey(Schema.Unknown),
  response_format: Schema.optionalKey(Schema.Unknown),
  logprobs: maybe(Schema.Boolean),
  modalities: Schema.optionalKey(Schema.Unknown),
})
type Request = typeof Request.Type

const unsupported: ReadonlyArray<Unsupported<Request>> = [
  {
    param: "functions",
    isGiven: ({ functions }) => Array.isArray(functions) && functions.length > 0,
    remedy: "use tools",
  },
  { param: "n", isGiven: ({ n }) => (n ?? 1) !== 1, remedy: "an agent gives one answer" },
  { param: "logprobs", isGiven: ({ logprobs }) => logprobs === true, remedy: "leave it out" },
  {
    param: "response_format",
    isGiven: ({ response_format }) => isOtherThanText(response_format),
    remedy: "ask for the format in a message",
  },
  {
    param: "modalities",
    isGiven: ({ modalities }) => Array.isArray(modalities) && modalities.some((modality) => modality !== "text"),
    remedy: "an agent answers with text",
  },
]

const roles: Readonly<Record<typeof Role.Type, Utterance["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool",
}

const usageOf = ({ cachedInputTokens = 0, inputTokens, outputTokens }: Usage) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
  prompt_tokens_details: { cached_tokens: cachedInputTokens },
})

/** An aborted answer is incomplete, as one that reaches a limit of its length. */
const finishReasonOf = ({ calls, outcome }: AgentRun.Ended): "stop" | "length" | "tool_calls" =>
  calls.length > 0 ? "tool_calls" : outcome === "done" ? "stop" : "length"

const callOf = ({ arguments: input, id, name }: FunctionCall, given = input) => ({
  id,
  type: "function",
  function: { name, arguments: given },
})

/** The fields that all pieces of an answer share. */
interface Head {
  readonly id: string
  readonly created: number
  readonly model: string
}

const completion = (head: Head, { ended, text, thinking }: AgentRun.WholeReply) => ({
  ...head,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content: text === "" && ended.calls.length > 0 ? null : text,
        refusal: null,
        ...(ended.calls.length > 0 && { tool_calls: ended.calls.map((call) => callOf(call)) }),
        ...(thinking !== "" && { reasoning_content: thinking }),
      },
      logprobs: null,
      finish_reason: finishReasonOf(ended),
    },
  ],
  ...(ended.usage !== undefined && { usage: usageOf(ended.usage) }),
})

/** Makes the texts of a streamed answer. */
const chunksOf = (head: Head, withUsage: boolean) => {
  const chunk = (choices: ReadonlyArray<object>, usage?: object) =>
    ServerEvents.data({ ...head, object: "chat.completion.chunk", choices, ...(usage !== undefined && { usage }) })
  const choice = (delta: object, finish_reason: string | null = null) => [{ index: 0, delta, finish_reason }]
  return {
    first: chunk(choice({ role: "assistant", content: "" })),
    of: (piece: AgentRun.Piece): string => {
      switch (piece._tag) {
        case "Text":
          return chunk(choice({ content: piece.text }))
        case "Thinking":
          return chunk(choice({ reasoning_content: piece.text }))
        case "RunEnded": {
          if (piece.outcome === "failed") return ServerEvents.data({ error: ofRun(piece.error).error })
          const calls = piece.calls.map((call, index) => {
            const begin = chunk(choice({ tool_calls: [{ index, ...callOf(call, "") }] }))
            return begin + chunk(choice({ tool_calls: [{ index, function: { arguments: call.arguments } }] }))
          })
          const end = calls.join("") + chunk(choice({}, finishReasonOf(piece)))
          return withUsage && piece.usage !== undefined ? end + chunk([], usageOf(piece.usage)) : end
        }
      }
    },
  }
}

const readRequest = RequestBody.json(Request)

const utteranceOf = Effect.fnUntraced(function* ({ content, role, tool_call_id, tool_calls }: Message, i: number) {
  const said = yield* readContent(content, `messages[${i}].content`)
  const calls = (tool_calls ?? []).map(({ function: called, id }) => {
    const { arguments: input = "", name = "" } = called ?? {}
    return { id, name, arguments: input }
  })
  return {
    role: roles[role],
    ...said,
    ...(role === "assistant" && calls.length > 0 && { calls }),
    ...(role === "tool" && tool_call_id && { resultOf: tool_call_id }),
  } satisfies Utterance
})

export const make = Effect.gen(function* () {
  const start = yield* AgentRun.make
  const checkTools = yield* FunctionTools.makeCheck
  return Effect.fnUntraced(function* (api: ApiCall, calls: Calls) {
    const request = yield* readRequest(api)
    yield* checkSupport(request, unsupported)
    const offer = yield* FunctionTools.offerOf(request)
    const conversation = yield* Effect.forEach(request.messages, utteranceOf)
    const found = yield* targetOf(api.request, request)
    const options = { isNamed: found.isKept, isNew: !found.isKept, param: "messages" }
    const {
      message,
      target: { isKept, ...target },
    } = yield* ToolResults.continued(conversation, found, options)
    if (offer !== undefined) yield* checkTools(target)
    const runId = randomUUID()
    const created = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
    const head = { id: `chatcmpl_${runId}`, created, model: request.model }
    const pieces = yield* Effect.mapError(
      start(calls, { ...target, ...message, idempotencyKey: runId }, { isKept, offer }),
      refuse,
    )
    if (request.stream === true) {
      const chunks = chunksOf(head, request.stream_options?.include_usage === true)
      const texts = Stream.concat(Stream.succeed(chunks.first), Stream.map(pieces, chunks.of))
      return ServerEvents.respond(texts, (fault) => ServerEvents.data({ error: ofFault(fault).error }))
    }
    const reply = yield* Effect.mapError(AgentRun.whole(pieces), refuse)
    if (reply.ended.outcome === "failed") return yield* Effect.fail(respond(ofRun(reply.ended.error)))
    return HttpServerResponse.jsonUnsafe(completion(head, reply), { headers: { "cache-control": "no-store" } })
  })
})
