/**
 * ClientRounds: ends a run with calls of its client's tools, and continues it when the next message brings the results. It
 * remembers the messages of the newest runs that wait, with their thinking, which providers want back. After a restart, the
 * model reads the results as a text instead. ModelRun.ts uses it.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Schema from "effect/Schema"
import type { Message } from "../../../domain/Message.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { textOrJson } from "../../../domain/Text.ts"
import type { Turn } from "../../agents/AgentRuntime.ts"
import * as ClientCalls from "../../tools/ClientCalls.ts"
import type { ClientToolOffer } from "../../tools/ClientTools.ts"
import type { ModelToolkit } from "../../tools/Tools.ts"
import { userMessage } from "./History.ts"
import type { Step, StepCall } from "./ModelStep.ts"

const NOT_TAKEN = "The client does not take this many calls at once, so this one did not run. Call the tool again."

/** The runs that wait for their client. Each holds a conversation of at most a model's context. */
const MAX_WAITING = 32

/** A run that ended with calls. */
interface WaitingRun {
  readonly sessionKey: string
  /** The run and those that it continued. The transcript has their messages too. */
  readonly runIds: ReadonlySet<string>
  /** The messages of these runs, up to the answer with the calls. */
  readonly messages: ReadonlyArray<Prompt.Message>
  /** The results of the other calls in that answer. */
  readonly own: ReadonlyArray<Prompt.ToolMessagePart>
  /** The calls by the ids that the client knows. */
  readonly calls: ReadonlyMap<string, StepCall>
}

/** The beginning of a run: the messages of the transcript before it, and its own messages so far. */
export interface Beginning {
  readonly past: ReadonlyArray<Message>
  readonly messages: ReadonlyArray<Prompt.Message>
  readonly runIds: ReadonlySet<string>
}

/** Adds the client's tools to those of the agent, which they hide if they have the same name. */
export const withTools = (toolkit: ModelToolkit, offer: ClientToolOffer | undefined): ModelToolkit => {
  if (offer === undefined) return toolkit
  const tools = offer.tools.map(({ description, name, parameters }) => [
    name,
    Tool.dynamic(name, {
      description,
      parameters,
      success: Schema.String,
      failure: Schema.String,
      failureMode: "return",
    }).annotate(Tool.Strict, false),
  ])
  return { ...toolkit, tools: { ...toolkit.tools, ...Object.fromEntries(tools) } }
}

/** The calls of an answer: those that the agent runs, and those for the client. */
export interface SplitCalls {
  readonly own: ReadonlyArray<StepCall>
  readonly forClient: ReadonlyArray<StepCall>
}

/** Splits the calls of an answer. An answer that was cut has none for the client, since its calls may be cut too. */
export const splitCalls = (offer: ClientToolOffer | undefined, { calls, finish }: Step): SplitCalls => {
  if (offer === undefined || finish?.reason === "length") return { own: calls, forClient: [] }
  const names = new Set(offer.tools.map(({ name }) => name))
  return {
    own: calls.filter(({ name }) => !names.has(name)),
    forClient: calls.filter(({ name }) => names.has(name)),
  }
}

const resultOf = ({ id, name }: StepCall, result: string) =>
  Prompt.toolResultPart({ id, name, isFailure: false, result, providerExecuted: false })

/** The runs of one gateway that wait for the results of their clients. */
export class ClientRounds {
  readonly #waiting = new Map<string, WaitingRun>()

  /** Returns how a run begins. `tools`: the names of the tools that its request defines. */
  begin(turn: Turn, history: ReadonlyArray<Message>, tools: ReadonlySet<string>): Beginning {
    const message = ClientCalls.read(turn.text)
    const waiting = message && this.#waitingFor(message, turn, history, tools)
    if (message === undefined || waiting === undefined) {
      return { past: history, messages: [userMessage(turn.text, turn.attachments)], runIds: new Set([turn.runId]) }
    }
    const outputs = new Map(message.results.map(({ id, output }) => [id, output]))
    const results = Array.from(waiting.calls, ([id, call]) => resultOf(call, outputs.get(id) ?? "no result"))
    const hasWords = message.text !== "" || turn.attachments.length > 0
    return {
      past: history.filter(({ runId }) => runId === null || !waiting.runIds.has(runId)),
      messages: [
        ...waiting.messages,
        Prompt.toolMessage({ content: [...waiting.own, ...results] }),
        ...(hasWords ? [userMessage(message.text, turn.attachments)] : []),
      ],
      runIds: new Set([...waiting.runIds, turn.runId]),
    }
  }

  /** Ends the run with the calls: stores them, and remembers the run. `own`: the results of the agent's calls. */
  handOver(
    { runId, sessionKey }: Turn,
    { messages, runIds }: Pick<Beginning, "messages" | "runIds">,
    own: ReadonlyArray<Prompt.ToolMessagePart>,
    forClient: ReadonlyArray<StepCall>,
    parallel: boolean,
  ): ReadonlyArray<RuntimeEvent> {
    const taken = forClient.slice(0, parallel ? ClientCalls.MAX_CALLS : 1)
    const left = forClient.slice(taken.length).map((call) => resultOf(call, NOT_TAKEN))
    const calls = new Map(taken.map((call, i) => [ClientCalls.idOf(runId, i + 1), call]))
    this.#waiting.set(runId, { sessionKey, runIds, messages, own: [...own, ...left], calls })
    const oldest = this.#waiting.keys().next().value
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest)
    return Array.from(calls).flatMap(([callId, { input, name }]): ReadonlyArray<RuntimeEvent> => [
      { _tag: "ToolStarted", callId, name, input: textOrJson(input) },
      { _tag: "ToolEnded", callId, output: ClientCalls.PENDING, isError: false },
    ])
  }

  /** Takes the run whose calls the message answers, if the transcript ends with it and its tools are offered again. */
  #waitingFor(
    { results }: ClientCalls.ResultsMessage,
    { sessionKey }: Turn,
    history: ReadonlyArray<Message>,
    tools: ReadonlySet<string>,
  ): WaitingRun | undefined {
    const runId = ClientCalls.runOf(results[0]?.id ?? "")
    const waiting = runId === undefined ? undefined : this.#waiting.get(runId)
    if (runId === undefined || waiting?.sessionKey !== sessionKey || history.at(-1)?.runId !== runId) return undefined
    if (![...waiting.calls.values()].every(({ name }) => tools.has(name))) return undefined
    this.#waiting.delete(runId)
    return waiting
  }
}
