/**
 * The run of a model: builds the prompt, streams one step of the model, runs its tool calls, and repeats both until the
 * model answers without a call. ModelRuntime.ts imports this module at the first run, since it loads effect/ai.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { GatewaySettings } from "../../../domain/GatewayConfig.ts"
import type { DocumentContent } from "../../../domain/Memory.ts"
import type { ModelProblem } from "../../../domain/Model.ts"
import { type RuntimeEvent, RuntimeFailed } from "../../../domain/Run.ts"
import { textOrJson } from "../../../domain/Text.ts"
import type { Conversation, ConversationSummary, Turn } from "../../agents/AgentRuntime.ts"
import type { Attachments } from "../../attachments/Attachments.ts"
import type { Memory } from "../../memory/Memory.ts"
import { problemOf } from "../../models/ModelProblems.ts"
import type { ModelProviders, ResolvedModel } from "../../models/ModelProviders.ts"
import type { ClientToolOffer, ClientTools } from "../../tools/ClientTools.ts"
import type { ModelToolkit, Tools } from "../../tools/Tools.ts"
import { ClientRounds, splitCalls, withTools } from "./ClientRounds.ts"
import { ContextBudget } from "./ContextBudget.ts"
import * as Handoff from "./Handoff.ts"
import { alternating, historyOf, userMessage } from "./History.ts"
import { ModelChain } from "./ModelChain.ts"
import * as MessageFiles from "./MessageFiles.ts"
import * as ModelStep from "./ModelStep.ts"
import { compacted, summaryOf } from "./Summaries.ts"
import { systemMessageOf } from "./SystemPrompt.ts"
import { tokensOfMessage, tokensOfMessages, tokensOfText } from "./TokenEstimate.ts"
import * as ToolRound from "./ToolRound.ts"
import { trimmed } from "./Trimming.ts"

export interface ModelServices {
  readonly attachments: Attachments["Service"]
  readonly clientTools: ClientTools["Service"]
  readonly config: GatewaySettings
  readonly memory: Memory["Service"]
  readonly providers: ModelProviders["Service"]
  readonly tools: Tools["Service"]
}

type Emit = Handoff.Emit<RuntimeEvent>

/** A prompt of fewer estimated tokens is not cut any further. */
const MIN_PROMPT = 500

/** The shares of the context for the documents and for the summary, at about three characters per token. */
const DOCUMENT_CHARS_PER_TOKEN = 3 / 4
const SUMMARY_CHARS_PER_TOKEN = 3 / 8

export const make = ({ attachments, clientTools, config, memory, providers, tools }: ModelServices) => {
  const context = new ContextBudget()
  const clientRounds = new ClientRounds()

  const chainOf = ({ agent, model, thinking }: Pick<Turn, "agent" | "model"> & Partial<Pick<Turn, "thinking">>) => {
    if (model === "") return Effect.fail(noModel(agent.id))
    const ids = [model, ...(agent.fallbacks ?? []).filter((id) => id !== model)]
    return Effect.succeed(new ModelChain(ids, (id) => providers.resolve(id, { thinking })))
  }

  /** Reads the documents that the agent names. The run goes on without one that cannot be read. */
  const documentsOf = (ids: ReadonlyArray<string> = []): Effect.Effect<ReadonlyArray<DocumentContent>> => {
    const read = (id: string) =>
      Effect.catch(memory.read(id), (error) =>
        Effect.as(Effect.logWarning(`Cannot read the document "${id}" of an agent`, error), undefined),
      )
    return Effect.map(Effect.forEach(ids, read), (documents) => documents.filter((found) => found !== undefined))
  }

  /** Makes the function that makes the system message for a model and a summary. */
  const systemOf = Effect.fnUntraced(function* (turn: Turn) {
    const facts = { ...turn, now: yield* Clock.currentTimeMillis, documents: yield* documentsOf(turn.agent.documents) }
    return (model: ResolvedModel, summary: string | undefined) => {
      const documentChars = Math.floor(context.of(model) * DOCUMENT_CHARS_PER_TOKEN)
      const summaryChars = Math.floor(context.of(model) * SUMMARY_CHARS_PER_TOKEN)
      return Prompt.systemMessage({ content: systemMessageOf({ ...facts, summary, documentChars, summaryChars }) })
    }
  })

  const converse = Effect.fnUntraced(function* (turn: Turn, emit: Emit) {
    const chain = yield* chainOf(turn)
    const offer = clientTools.of(turn.runId)
    const toolkit = withTools(yield* tools.of(turn), offer)
    const toolNames = new Set(Object.keys(toolkit.tools))
    const toolTokens = tokensOfTools(toolkit)
    const systemFor = yield* systemOf(turn)
    const speech = new ModelStep.Speech()
    const ids = new ModelStep.CallIds()
    const beginning = clientRounds.begin(turn, yield* turn.history, toolNames)
    const ofRun = [...beginning.messages]
    const withFiles = MessageFiles.make(attachments.read)
    const known = historyOf(beginning.past, toolNames)
    const budgetFor = (model: ResolvedModel) =>
      context.of(model) - toolTokens - tokensOfMessage(systemFor(model, known.summary)) - tokensOfMessages(ofRun)
    const options = { budgetFor, context, share: config.runs.compactAt }
    const { summary, units } = yield* compacted(known, chain.current, options, emit)
    const past = units.flatMap(({ unit }) => unit)
    /** The estimated tokens that a prompt may have, after a provider has found one too long. */
    let shrunk = Number.POSITIVE_INFINITY

    const learn = (model: ResolvedModel, step: ModelStep.Step, estimated: number) => {
      const usage = ModelStep.usageIn(step)
      if (usage === undefined) return Effect.void
      context.learn(model, estimated, usage.inputTokens)
      return emit([{ _tag: "Usage", usage }])
    }

    const answerWith = (
      model: ResolvedModel,
      toolChoice: ModelStep.Request["toolChoice"],
    ): Effect.Effect<ModelStep.Step, ModelProblem> =>
      Effect.suspend(() => {
        const system = systemFor(model, summary)
        const budget = Math.min(shrunk, context.of(model)) - toolTokens - tokensOfMessage(system)
        const messages = [system, ...alternating(trimmed([...past, ...ofRun], budget))]
        const estimated = toolTokens + tokensOfMessages(messages)
        const isTooLong = ({ kind }: ModelProblem) => kind === "context-length" && !speech.saidInStep
        return withFiles(messages, model.input).pipe(
          Effect.flatMap((messages) =>
            ModelStep.run(model.languageModel, { messages, toolkit, toolChoice, speech, ids }, emit),
          ),
          Effect.mapError(problemOf),
          Effect.tap((step) => learn(model, step, estimated)),
          Effect.flatMap((step) => ModelStep.checked(model, step)),
          Effect.catchIf(
            (problem) => isTooLong(problem) && estimated < shrunk && estimated > 2 * MIN_PROMPT,
            () => {
              shrunk = estimated / 2
              return answerWith(model, toolChoice)
            },
          ),
        )
      })

    for (let n = 1; n <= config.runs.steps; n++) {
      const toolChoice = choiceOf(offer, n)
      const step = yield* chain.use(
        (model) => answerWith(model, toolChoice),
        () => speech.saidInStep,
      )
      if (step.calls.length === 0) return
      const { forClient, own } = splitCalls(offer, step)
      const results = yield* ToolRound.run(tools, turn, { ...step, calls: own }, emit)
      ofRun.push(...step.answer)
      if (offer !== undefined && forClient.length > 0) {
        const { runIds } = beginning
        return yield* emit(clientRounds.handOver(turn, { messages: ofRun, runIds }, results, forClient, offer.parallel))
      }
      ofRun.push(Prompt.toolMessage({ content: results }))
      // The last step of the budget has no step after it.
      if (n < config.runs.steps)
        ofRun.push(...(yield* turn.steering).map(({ attachments, text }) => userMessage(text, attachments)))
    }
    return yield* tooManySteps(config.runs.steps)
  })

  const run = (turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed> => Handoff.make((emit) => converse(turn, emit))

  const summarize = Effect.fnUntraced(function* (
    conversation: Conversation,
  ): Effect.fn.Return<ConversationSummary | undefined, RuntimeFailed> {
    const history = historyOf(conversation.history, new Set())
    const newest = history.units.at(-1)
    if (newest === undefined) return undefined
    const chain = yield* chainOf(conversation)
    const silent = () => false
    const { text, usage } = yield* chain.use((model) => summaryOf(model, history, context), silent)
    return { text, upTo: newest.upTo, usage }
  })

  return { run, summarize }
}

const tokensOfTools = ({ tools }: ModelToolkit): number =>
  Object.values(tools).reduce(
    (sum, tool) => sum + tokensOfText(`${tool.name}${tool.description ?? ""}${textOrJson(Tool.getJsonSchema(tool))}`),
    0,
  )

/** A client that wants a certain tool gets its call first. Afterwards the model may answer with a text. */
const choiceOf = (offer: ClientToolOffer | undefined, step: number): ModelStep.Request["toolChoice"] =>
  offer === undefined || (typeof offer.choice === "object" && step > 1) ? "auto" : offer.choice

const noModel = (agentId: string) =>
  new RuntimeFailed({
    runtime: "model",
    kind: "configuration",
    detail: `The agent "${agentId}" has no model. Set its model, or the option \`model\`, to provider/model.`,
  })

const tooManySteps = (steps: number) =>
  new RuntimeFailed({
    runtime: "model",
    budget: true,
    detail: `The run took more than ${steps} steps. Ask for less at once, or raise the option runs.steps.`,
  })
