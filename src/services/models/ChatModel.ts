/**
 * ChatModel: makes a language model of a dialect. A dialect writes requests and reads events; ChatModel sends them,
 * repeats a call that failed before the model said anything, and finds the form of thinking that the model accepts. The
 * kinds `openai` and `anthropic` use it. The kind `ai-sdk` uses `ofCalls` only.
 */
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ModelProblem } from "../../domain/Model.ts"
import type { ThinkingLevel } from "../../domain/Run.ts"
import { collect } from "./CollectedParts.ts"
import { toAiError } from "./ModelProblems.ts"
import type { ModelCall, ModelFacts } from "./ModelProvider.ts"
import type { EventReader, ProviderHttp } from "./ProviderHttp.ts"
import type { ProviderProblems } from "./ProviderProblems.ts"
import { retrying } from "./Retries.ts"

export type Part = Response.StreamPartEncoded

/** Fields of a request. */
export type Fields = Readonly<Record<string, unknown>>

/** One API: how its requests and its events look. */
export interface Dialect {
  /** The address for conversations. */
  readonly url: string
  /** Returns the request without the fields for thinking. */
  body(options: LanguageModel.ProviderOptions, model: ModelFacts): Fields
  /** Returns the forms of the level, the best first. Models refuse forms that are newer or older than they are. */
  thinking(level: ThinkingLevel, model: ModelFacts): ReadonlyArray<Fields>
  /** Makes the reader of one answer. */
  reader(): EventReader<Part>
}

const THINKING_WORDS = /thinking|reasoning|effort/i

/** Returns whether the provider refused the form of thinking. */
const refusesThinking = ({ kind, message }: ModelProblem): boolean =>
  kind === "invalid-request" && THINKING_WORDS.test(message)

/** The forms of thinking that models have left after refusals, by model and level. One for each provider. */
export type ThinkingForms = Map<string, ReadonlyArray<Fields>>

/** Makes a language model of its calls. Repeats a call that failed before the model said anything. */
export const ofCalls = (
  problems: ProviderProblems,
  call: (options: LanguageModel.ProviderOptions) => Stream.Stream<Part, ModelProblem>,
) => {
  const streamText = (options: LanguageModel.ProviderOptions) =>
    options.responseFormat.type === "json"
      ? Stream.fail(toAiError(problems.unstructured()))
      : Stream.mapError(retrying(call(options)), toAiError)
  return LanguageModel.make({
    streamText,
    generateText: (options) => Effect.map(Stream.runCollect(streamText(options)), collect),
  })
}

/** Makes the model. */
export const make = (http: ProviderHttp, dialect: Dialect, { model, thinking }: ModelCall, forms: ThinkingForms) => {
  const key = `${model.id} ${thinking}`
  const formsLeft = () => forms.get(key) ?? (thinking === undefined ? [] : dialect.thinking(thinking, model))

  const call = (options: LanguageModel.ProviderOptions): Stream.Stream<Part, ModelProblem> =>
    Stream.suspend(() => {
      const [form, ...others] = formsLeft()
      const body = { ...dialect.body(options, model), ...form }
      return http.stream(dialect.url, body, model.id, dialect.reader()).pipe(
        Stream.catch((problem) => {
          if (form === undefined || !refusesThinking(problem)) return Stream.fail(problem)
          forms.set(key, others)
          return call(options)
        }),
      )
    })

  return ofCalls(http.problems, call)
}
