/**
 * A provider `test` whose models answer as the test says. It records each request. The layer has the services of
 * conversations with the runtime `model`.
 */
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { DocumentNotFound, MemoryUnavailable } from "../../src/domain/Memory.ts"
import { ModelProblem } from "../../src/domain/Model.ts"
import { Memory } from "../../src/services/memory/Memory.ts"
import { toAiError } from "../../src/services/models/ModelProblems.ts"
import type { ModelFacts } from "../../src/services/models/ModelProvider.ts"
import { ModelProviders } from "../../src/services/models/ModelProviders.ts"
import { encodedUsage } from "../../src/services/models/ModelUsage.ts"
import { ProviderKinds } from "../../src/services/models/ProviderKinds.ts"
import * as ModelRuntime from "../../src/services/runtimes/model/ModelRuntime.ts"
import { tokensOfMessages } from "../../src/services/runtimes/model/TokenEstimate.ts"
import type { AgentTool } from "../../src/services/tools/AgentTool.ts"
import { ClientTools } from "../../src/services/tools/ClientTools.ts"
import { Tools } from "../../src/services/tools/Tools.ts"
import * as Conversations from "./Conversations.ts"

type Part = Response.StreamPartEncoded

export interface ModelRequest {
  /** The name of the model, without the provider. */
  readonly model: string
  readonly thinking: string | undefined
  readonly messages: ReadonlyArray<Prompt.Message>
  /** The names of the tools in the request. */
  readonly tools: ReadonlyArray<string>
}

export type Answer = Stream.Stream<Part, ModelProblem>

export const usage = (input: number, output: number) => encodedUsage({ input, output })

export const finish = (reason: Response.FinishReason, counted = usage(10, 5)): Part => ({
  type: "finish",
  reason,
  usage: counted,
  response: undefined,
})

/** Pieces of text. */
export const says = (...pieces: ReadonlyArray<string>): ReadonlyArray<Part> => [
  { type: "text-start", id: "t" },
  ...pieces.map((delta): Part => ({ type: "text-delta", id: "t", delta })),
  { type: "text-end", id: "t" },
]

/** Thinking with a signature that must come back in the next step. */
export const thinks = (text: string): ReadonlyArray<Part> => [
  { type: "reasoning-start", id: "r" },
  { type: "reasoning-delta", id: "r", delta: text },
  { type: "reasoning-end", id: "r", metadata: { anthropic: { signature: `signed ${text}` } } },
]

export const calls = (id: string, name: string, params: unknown): Part => ({ type: "tool-call", id, name, params })

/** An answer. Without a `finish`, the provider adds one with a true count. */
export const answer = (...parts: ReadonlyArray<Part | ReadonlyArray<Part>>): Answer =>
  Stream.fromIterable(parts.flat() as ReadonlyArray<Part>)

export const problem = (kind: ModelProblem["kind"], message = `a problem: ${kind}`): ModelProblem =>
  new ModelProblem({ kind, provider: "test", message })

export const fails = (kind: ModelProblem["kind"], message?: string): Answer => Stream.fail(problem(kind, message))

export interface ScriptOptions {
  /** Answers the request with this number, from 0 on. */
  readonly answer: (request: ModelRequest, index: number) => Answer
  readonly config?: GatewayOptions
  readonly tools?: ReadonlyArray<AgentTool>
  readonly documents?: Readonly<Record<string, string>>
  readonly contextWindow?: number
  readonly onLog?: (message: string) => void
  readonly place?: string
}

/** Makes the layer, and the list of the requests so far. */
export const scripted = ({ answer, contextWindow, documents = {}, tools = [], ...options }: ScriptOptions) => {
  const requests: Array<ModelRequest> = []

  const languageModel = (model: ModelFacts, thinking: string | undefined) =>
    LanguageModel.make({
      generateText: () => Effect.die("stream only"),
      streamText: ({ prompt, tools }) => {
        const request = { model: model.id, thinking, messages: prompt.content, tools: tools.map(({ name }) => name) }
        requests.push(request)
        let finished = false
        const counted = usage(tokensOfMessages(prompt.content), 5)
        return answer(request, requests.length - 1).pipe(
          Stream.tap(({ type }) => Effect.sync(() => (finished ||= type === "finish"))),
          Stream.concat(Stream.suspend(() => (finished ? Stream.empty : Stream.succeed(finish("stop", counted))))),
          Stream.mapError(toAiError),
        )
      },
    })

  const kind = ProviderKinds.add({
    name: "scripted",
    make: () =>
      Effect.succeed({
        models: Effect.succeed([]),
        languageModel: ({ model, thinking }) => languageModel(model, thinking),
      }),
  })
  const memory = Layer.succeed(
    Memory,
    Memory.of({
      list: Effect.succeed([]),
      read: (id) => {
        const content = documents[id]
        return content === undefined
          ? Effect.fail(new DocumentNotFound({ id }))
          : Effect.succeed({ id, content, size: content.length, modifiedAt: 0 })
      },
      write: () => Effect.fail(new MemoryUnavailable({ operation: "write", detail: "a folder of the test" })),
    }),
  )
  const window = contextWindow === undefined ? {} : { contextWindow }
  const models = [
    { id: "one", ...window },
    { id: "two", ...window },
    { id: "three", ...window },
  ]
  const config: GatewayOptions = {
    model: "test/one",
    providers: { test: { kind: "scripted", models } },
    ...options.config,
  }
  const layer = ModelRuntime.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(Tools.add(...tools), kind)),
    Layer.provideMerge(Layer.mergeAll(Tools.layer, ClientTools.layer, ModelProviders.layer, memory)),
    Layer.provideMerge(ProviderKinds.layer),
    Layer.provideMerge(Conversations.layer({ ...options, config })),
  )
  return { layer, requests }
}

/** Returns the texts of a message's parts, with calls and results in short form. */
export const shown = ({ content, role }: Prompt.Message): string =>
  `${role}: ${
    typeof content === "string"
      ? content
      : content
          .map((part) => {
            switch (part.type) {
              case "text":
              case "reasoning":
                return part.type === "text" ? part.text : `(${part.text})`
              case "tool-call":
                return `${part.name}(${JSON.stringify(part.params)})`
              case "tool-result":
                return `${part.isFailure ? "error" : "result"} ${String(part.result)}`
              default:
                return part.type
            }
          })
          .join(" | ")
  }`
