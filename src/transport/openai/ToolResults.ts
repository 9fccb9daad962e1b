/**
 * ToolResults: decides where the results of a client's tools go. The ids of the calls name the run that made them, so the
 * results continue its session. If the session has moved on or is gone, the conversation of the request stands for it.
 * ChatCompletions.ts and Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { SendPayload } from "../../domain/Chat.ts"
import * as ClientCalls from "../../services/tools/ClientCalls.ts"
import { call, type Contract, isError } from "../dialect/Query.ts"
import { type FunctionCall, messageOf, newestIn, turnOf, type TurnMessage, type Utterance } from "./Conversation.ts"
import { invalid, refuse } from "./Errors.ts"
import { isOnceKey, type Target } from "./Target.ts"

/** The messages at the end of a run that waits for its client: its reply and its calls. */
const LAST_MESSAGES = 1 + ClientCalls.MAX_CALLS

/** A run that ended with calls for the client, and after which its session has no message. */
interface WaitingRun {
  readonly agentId: string
  readonly sessionKey: string
  readonly calls: ReadonlyArray<FunctionCall>
  readonly lastMessageId: number
}

const waitingRun = Effect.fnUntraced(function* (runId: string) {
  const { agentId, sessionKey } = yield* call("runs.wait", { runId, timeoutMs: 0 })
  const { messages } = yield* call("sessions.history", { key: sessionKey, limit: LAST_MESSAGES })
  const last = messages.at(-1)
  if (last?.runId !== runId) return undefined
  const calls = messages.flatMap(({ runId: of, tool }): ReadonlyArray<FunctionCall> =>
    of === runId && tool !== undefined && ClientCalls.runOf(tool.callId) === runId
      ? [{ id: tool.callId, name: tool.name, arguments: tool.input }]
      : [],
  )
  return { agentId, sessionKey, calls, lastMessageId: last.id } satisfies WaitingRun
})

/** Returns the run that the id of a call names, or `undefined` if there is no such run or its session has moved on. */
const waitingFor = (callId: string) => {
  const runId = ClientCalls.runOf(callId)
  if (runId === undefined) return Effect.undefined
  return Effect.catch(waitingRun(runId), (fault) =>
    isError(fault, "RunNotFound") || isError(fault, "SessionNotFound") ? Effect.undefined : Effect.fail(refuse(fault)),
  )
}

const unknownCall = (param: string, id: string) =>
  invalid(
    param,
    `no tool call has the id "${id.slice(0, 60)}": send the results of the last answer, after the message with its calls`,
    "unknown_tool_call",
  )

const unanswered = (param: string, id: string) =>
  invalid(param, `the tool call "${id}" has no result: send the results of all calls of the last answer`)

const resultsIn = (conversation: ReadonlyArray<Utterance>) =>
  conversation.flatMap(({ resultOf, text }) => (resultOf === undefined ? [] : [{ id: resultOf, text }]))

/** The message of a turn, and the session that gets it. */
export interface Continued {
  readonly target: Target & Pick<SendPayload, "expected">
  readonly message: TurnMessage
}

/** Returns the turn of a conversation, or fails with the response to one that ends without a message for the agent. */
const turnIn = Effect.fnUntraced(function* (conversation: ReadonlyArray<Utterance>, isNew: boolean, param: string) {
  const message = turnOf(conversation, !isNew)
  if (message !== undefined) return message
  const problem = `${param} must end with a text or a file of the role user, or with the result of a tool`
  return yield* Effect.fail(invalid(param, problem))
})

/**
 * Returns the message of a conversation and its session, which is `target` unless results continue another one. `isNamed`:
 * the client has named the session. `isNew`: the session has none of the earlier messages. Fails with the response to a
 * conversation without a message for the agent, to a result without a call, and to a call without a result.
 */
export const continued = Effect.fnUntraced(function* (
  conversation: ReadonlyArray<Utterance>,
  target: Target,
  { isNamed, isNew, param }: { readonly isNamed: boolean; readonly isNew: boolean; readonly param: string },
): Effect.fn.Return<Continued, HttpServerResponse, Contract> {
  const newest = newestIn(conversation)
  const answered = resultsIn(newest)
  if (answered.length === 0) return { target, message: yield* turnIn(conversation, isNew, param) }
  const waiting = yield* waitingFor(answered[0]!.id)
  const isOurs =
    waiting !== undefined &&
    waiting.agentId === target.agentId &&
    (!isNamed || waiting.sessionKey === target.sessionKey)
  const known = isOurs
    ? waiting.calls
    : // A reference to a call alone does not tell what it was.
      conversation.flatMap(({ calls = [] }) => calls.filter(({ name }) => name !== ""))
  const unknown = answered.find(({ id }) => !known.some((one) => one.id === id))
  if (unknown !== undefined) return yield* Effect.fail(unknownCall(param, unknown.id))
  // Some clients put each result behind its call, so the results of the last answer are not together.
  const results = resultsIn(conversation)
  const last = isOurs ? known : (conversation.findLast(({ calls = [] }) => calls.length > 0)?.calls ?? [])
  const missing = last.find(({ id }) => !results.some((result) => result.id === id))
  if (missing !== undefined) return yield* Effect.fail(unanswered(param, missing.id))
  if (!isOurs) return { target, message: yield* turnIn(conversation, isNew, param) }
  const { lastMessageId, sessionKey } = waiting
  const { text, ...rest } = messageOf(newest)
  const outputs = known.map(({ id, name }) => {
    const { text: output } = results.findLast((result) => result.id === id)!
    return { id, tool: name, output }
  })
  return {
    target: { ...target, sessionKey, isKept: !isOnceKey(sessionKey), expected: { lastMessageId } },
    message: { ...rest, text: ClientCalls.write({ results: outputs, text }) },
  }
})
