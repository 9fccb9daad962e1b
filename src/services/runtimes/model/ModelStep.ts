/**
 * One step of a model: streams its text and thinking as events, and collects its tool calls. ModelRun.ts uses it.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Usage } from "../../../domain/Message.ts"
import { ModelProblem } from "../../../domain/Model.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { toolNameOf } from "../../../domain/Tool.ts"
import type { ResolvedModel } from "../../models/ModelProviders.ts"
import { usageOf } from "../../models/ModelUsage.ts"
import type { ModelToolkit } from "../../tools/Tools.ts"

/** The parts of one answer, as effect/ai decodes them. */
type Part = Response.StreamPart<ModelToolkit["tools"], "deferred">

export interface StepCall {
  /** Unique within the run. */
  readonly id: string
  readonly name: string
  /** The parameters as the model wrote them. */
  readonly input: unknown
}

export interface Step {
  /** The answer for the prompt of the next step, with its thinking. Providers want that back within a run. */
  readonly answer: ReadonlyArray<Prompt.Message>
  readonly calls: ReadonlyArray<StepCall>
  readonly finish: Response.FinishPart | undefined
}

/** Text and thinking of a whole run. Steps follow one another in one message, so a blank line separates them. */
export class Speech {
  readonly #said = new Set<string>()
  readonly #atStart = new Set<string>()

  /** Whether the current step has said anything. */
  saidInStep = false

  /** Begins a step. */
  nextStep(): void {
    this.saidInStep = false
    for (const tag of this.#said) this.#atStart.add(tag)
  }

  /** Returns the event for a piece, or `undefined` for an empty piece. */
  event(_tag: "Text" | "Thinking", piece: string): RuntimeEvent | undefined {
    if (piece === "") return undefined
    const text = this.#atStart.delete(_tag) ? `\n\n${piece}` : piece
    this.#said.add(_tag)
    this.saidInStep = true
    return { _tag, text }
  }
}

/** Returns the events of parts that arrive together. Neighbouring pieces become one event, which costs clients less. */
export const eventsOf = (parts: Iterable<Part>, speech: Speech): ReadonlyArray<RuntimeEvent> => {
  const events: Array<RuntimeEvent> = []
  let pending: { readonly _tag: "Text" | "Thinking"; text: string } | undefined
  const flush = () => {
    const event = pending === undefined ? undefined : speech.event(pending._tag, pending.text)
    if (event !== undefined) events.push(event)
    pending = undefined
  }
  for (const part of parts) {
    if (part.type !== "text-delta" && part.type !== "reasoning-delta") continue
    const _tag = part.type === "text-delta" ? "Text" : "Thinking"
    if (pending?._tag !== _tag) flush()
    if (pending === undefined) pending = { _tag, text: part.delta }
    else pending.text += part.delta
  }
  flush()
  return events
}

/** Gives each call of a run an id of its own. Some servers repeat ids in each answer, or give none. */
export class CallIds {
  readonly #used = new Set<string>()

  next(given: string): string {
    const id = given === "" ? "call" : given
    let unique = id
    for (let n = 2; this.#used.has(unique); n++) unique = `${id}-${n}`
    this.#used.add(unique)
    return unique
  }
}

/** Makes the step of a collected answer. */
const stepOf = (parts: ReadonlyArray<Part>, ids: CallIds): Step => {
  const calls: Array<StepCall> = []
  const renamed = parts.map((part) => {
    if (part.type !== "tool-call" || part.providerExecuted) return part
    // Providers refuse the next request if a name that the model has invented has other characters.
    const named = { id: ids.next(part.id), name: toolNameOf(part.name) }
    calls.push({ ...named, input: part.params })
    return { ...part, ...named }
  })
  const finish = parts.findLast((part) => part.type === "finish")
  return { answer: Prompt.fromResponseParts(renamed).content, calls, finish }
}

/** Returns the text of the answer, without its thinking. */
export const textIn = ({ answer }: Step): string =>
  answer.map((message) => (message.role === "assistant" ? textOfParts(message) : "")).join("")

const textOfParts = ({ content }: Prompt.AssistantMessage): string =>
  content.map((part) => (part.type === "text" ? part.text : "")).join("")

/** Returns the tokens that the provider counted, or `undefined` if it counted none. */
export const usageIn = ({ finish }: Step): Usage | undefined =>
  finish === undefined ? undefined : usageOf(finish.usage)

/** Makes the problem of an answer that says nothing. */
export const problemWith = (
  { id, provider }: Pick<ResolvedModel, "id" | "provider">,
  what: string,
  kind: ModelProblem["kind"] = "invalid-response",
): ModelProblem => new ModelProblem({ kind, provider, message: `the model "${id}" ${what}` })

/** Fails if the answer ended before it said anything. */
export const checked = (model: ResolvedModel, step: Step): Effect.Effect<Step, ModelProblem> => {
  if (step.calls.length > 0 || textIn(step) !== "") return Effect.succeed(step)
  switch (step.finish?.reason) {
    case "content-filter":
      return Effect.fail(
        problemWith(model, "or a filter of its provider refuses to answer: word it otherwise", "refusal"),
      )
    case "length":
      return Effect.fail(problemWith(model, "used all tokens of its answer before it said anything: let it think less"))
    default:
      return Effect.succeed(step)
  }
}

/** The request for one answer. */
export interface Request {
  readonly messages: ReadonlyArray<Prompt.Message>
  readonly toolkit: ModelToolkit
  readonly toolChoice: LanguageModel.ToolChoice<string>
  readonly speech: Speech
  readonly ids: CallIds
}

/** Streams one answer of the model. `emit` receives its text and thinking; the calls are not run. */
export const run = (
  model: LanguageModel.LanguageModel,
  request: Request,
  emit: (events: ReadonlyArray<RuntimeEvent>) => Effect.Effect<void>,
): Effect.Effect<Step, AiError.AiError> =>
  Effect.suspend(() => {
    const parts: Array<Part> = []
    request.speech.nextStep()
    // `deferred`: a call of an unknown tool is a result that the model reads, not the end of the run.
    const stream = model.streamText({
      prompt: Prompt.fromMessages(request.messages),
      toolkit: request.toolkit,
      toolChoice: request.toolChoice,
      disableToolCallResolution: true,
      toolCallValidation: "deferred",
    })
    const collect = (arrived: ReadonlyArray<Part>) => {
      parts.push(...arrived)
      return emit(eventsOf(arrived, request.speech))
    }
    return Effect.map(Stream.runForEachArray(stream, collect), () => stepOf(parts, request.ids))
  })
