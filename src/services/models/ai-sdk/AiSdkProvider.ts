/**
 * AiSdkProvider: a provider through a package of the AI SDK. The package makes the requests, without its own retries; the
 * silence limit and the retries are ours. AiSdk.ts loads it.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ModelProblem } from "../../../domain/Model.ts"
import * as Trace from "../../traces/Trace.ts"
import * as ChatModel from "../ChatModel.ts"
import type { ModelCall, ModelProvider, NamedProvider } from "../ModelProvider.ts"
import { ProviderProblems } from "../ProviderProblems.ts"
import { factoryOf, isSdkModel, load, modelOf, type SdkModel } from "./AiSdkPackage.ts"
import { callOptions } from "./AiSdkPrompt.ts"
import { AiSdkReader } from "./AiSdkReader.ts"

/** The version of the AI SDK's interface that this module speaks. */
const SPECIFICATION = "v4"

/** Loads the package from the folder, or from beside the gateway, and prepares its models. */
export const make = Effect.fn("AiSdkProvider.make")(function* (provider: NamedProvider, folder = process.cwd()) {
  const problems = new ProviderProblems(provider)
  const { package: name } = provider
  const misconfigured = (problem: string) => Effect.fail(problems.of("configuration", problem))
  if (name === undefined) {
    return yield* misconfigured("names no package: set its option package, e.g. @ai-sdk/google")
  }
  const exports = yield* Effect.tryPromise({
    try: () => load(name, folder),
    catch: (error) =>
      problems.of("configuration", `cannot load ${name} (${problems.safe(String(error))}): install it again`),
  })
  if (exports === undefined) {
    return yield* misconfigured(`needs the package ${name}, which is not installed: run npm install ${name}`)
  }
  const create = factoryOf(exports)
  if (create === undefined) return yield* misconfigured(`cannot use ${name}: it exports no function create…`)
  const attempt = <A>(run: () => A) =>
    Effect.try({
      try: run,
      catch: (error) => new AiSdkReader(problems, name).problem(error, 0),
    })
  const sdk = yield* attempt(() => create(settingsOf(provider)))

  const languageModel = Effect.fnUntraced(function* (call: ModelCall) {
    const model = yield* attempt(() => modelOf(sdk, call.model.id))
    if (!isSdkModel(model)) return yield* misconfigured(`cannot use ${name}: it makes no language models`)
    if (model.specificationVersion !== SPECIFICATION) {
      return yield* misconfigured(
        `cannot use this version of ${name} (interface ${model.specificationVersion}): install one for ${SPECIFICATION}`,
      )
    }
    return yield* ChatModel.ofCalls(problems, (options) => once(model, options, call, { problems, provider }))
  })

  return { models: Effect.succeed([]), languageModel } satisfies ModelProvider
})

/** Returns the settings by the names that the packages use. */
const settingsOf = ({ apiKey, baseUrl, headers, options }: NamedProvider) => ({
  ...options,
  ...(apiKey !== undefined && { apiKey: Redacted.value(apiKey) }),
  ...(baseUrl !== undefined && { baseURL: baseUrl }),
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)])),
})

interface Context {
  readonly problems: ProviderProblems
  readonly provider: NamedProvider
}

/** Calls the model once. The end of the scope aborts the request. */
const once = (
  model: SdkModel,
  options: LanguageModel.ProviderOptions,
  call: ModelCall,
  { problems, provider }: Context,
): Stream.Stream<ChatModel.Part, ModelProblem> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const reader = new AiSdkReader(problems, call.model.id)
      const now = yield* Clock.currentTimeMillis
      const aborter = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (aborter) => Effect.sync(() => aborter.abort()),
      )
      const traceparent = yield* Trace.outgoingText
      const request = {
        ...callOptions(options, call.thinking),
        ...(traceparent !== undefined && { headers: { traceparent } }),
        abortSignal: aborter.signal,
      }
      const { stream } = yield* Effect.tryPromise({
        try: async () => await model.doStream(request),
        catch: (error) => reader.problem(error, now),
      })
      const read = (run: () => ReadonlyArray<ChatModel.Part>) =>
        Effect.try({
          try: run,
          catch: (error) =>
            Predicate.isTagged(error, "ModelProblem") ? (error as ModelProblem) : reader.problem(error, now),
        })
      return Stream.fromReadableStream({
        evaluate: () => stream,
        onError: (error) => reader.problem(error, now),
      }).pipe(
        Stream.mapEffect((part) => read(() => reader.push(part))),
        Stream.concat(Stream.fromEffect(Effect.suspend(() => read(() => reader.end())))),
        Stream.flattenIterable,
      )
    }),
  ).pipe(
    Stream.timeoutOrElse({
      duration: provider.silenceMs,
      orElse: () => Stream.fail(problems.silent()),
    }),
  )
