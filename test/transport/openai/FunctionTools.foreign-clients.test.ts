/** FunctionTools: the official `openai` package and the AI SDK call tools of their own through the gateway. */
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { describe, expect, it } from "@effect/vitest"
import { generateText, isStepCount, jsonSchema, streamText, tool } from "ai"
import * as Effect from "effect/Effect"
import OpenAI from "openai"
import { withModel } from "../../support/ClientToolGateway.ts"
import { dataIn } from "../../support/EventStream.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const baseURL = Effect.map(TestGateway.TestGateway, ({ url }) => `${url}/v1`)

const client = Effect.map(baseURL, (baseURL) => new OpenAI({ apiKey: TestGateway.TOKEN, baseURL }))

const parameters = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false,
}

/** Makes the tool in the form of `runTools`, and the list of the cities for which it was called. */
const weather = () => {
  const cities: Array<string> = []
  const call = ({ city }: { readonly city: string }) => {
    cities.push(city)
    return `sunny in ${city}`
  }
  const description = "Tells the weather."
  return {
    cities,
    runnable: {
      type: "function" as const,
      function: {
        name: "weather",
        description,
        parameters,
        parse: (text: string): { city: string } => JSON.parse(text),
        function: call,
      },
    },
    sdk: { weather: tool({ description, inputSchema: jsonSchema<{ city: string }>(parameters), execute: call }) },
  }
}

const messages = [{ role: "user" as const, content: "The weather?" }]
const both = "It is sunny in Paris and sunny in Rome"

describe("Tools of foreign clients", () => {
  it.live("The function runTools of the package openai calls the tools and gets the answer.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const { cities, runnable } = weather()
        const runner = openai.chat.completions.runTools({ model: "main", messages, tools: [runnable] })
        expect(yield* Effect.promise(() => runner.finalContent())).toBe(both)
        expect(cities).toEqual(["Paris", "Rome"])
      }),
    ),
  )

  it.live("The function runTools of the package openai does so with streamed completions.", () =>
    withModel("anthropic", "tools", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const { cities, runnable } = weather()
        const runner = openai.chat.completions.runTools({ model: "main", messages, tools: [runnable], stream: true })
        expect(yield* Effect.promise(() => runner.finalContent())).toBe(both)
        expect(cities).toEqual(["Paris", "Rome"])
      }),
    ),
  )

  it.live("The package openai reads the calls of a streamed response, and continues it.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const tools = [{ type: "function" as const, name: "weather", parameters, strict: true }]
        const stream = openai.responses.stream({ model: "main", input: "The weather?", tools })
        const first = yield* Effect.promise(() => stream.finalResponse())
        const calls = first.output.filter((item) => item.type === "function_call")
        expect(calls.map(({ arguments: input }) => input)).toEqual(['{"city":"Paris"}', '{"city":"Rome"}'])
        const input = calls.map(({ arguments: text, call_id }) => ({
          type: "function_call_output" as const,
          call_id,
          output: `sunny in ${JSON.parse(text).city}`,
        }))
        const second = yield* Effect.promise(() =>
          openai.responses.create({ model: "main", input, tools, previous_response_id: first.id }),
        )
        expect(second.output_text).toBe(both)
      }),
    ),
  )

  it.live("The AI SDK calls tools with its provider for compatible servers.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const model = createOpenAICompatible({
          name: "causeway",
          baseURL: yield* baseURL,
          apiKey: TestGateway.TOKEN,
        })("main")
        const { cities, sdk } = weather()
        const settings = { model, tools: sdk, messages, stopWhen: isStepCount(3) }
        expect((yield* Effect.promise(() => generateText(settings))).text).toBe(both)
        expect(yield* Effect.promise(async () => streamText(settings).text)).toBe(both)
        expect(cities).toEqual(["Paris", "Rome", "Paris", "Rome"])
      }),
    ),
  )

  it.live.each([true, false])("The AI SDK calls tools with its provider for OpenAI and store: %s.", (store) =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const model = createOpenAI({ baseURL: yield* baseURL, apiKey: TestGateway.TOKEN })("main")
        const { cities, sdk } = weather()
        const { text } = yield* Effect.promise(() =>
          generateText({
            model,
            tools: sdk,
            messages,
            stopWhen: isStepCount(3),
            providerOptions: { openai: { store } },
          }),
        )
        expect([text, cities]).toEqual([both, ["Paris", "Rome"]])
      }),
    ),
  )

  // The fields follow backend/open_webui/utils/middleware.py of Open WebUI with native function calling.
  it.live("Open WebUI streams the calls, and sends their results with all that came before.", () =>
    withModel("openai", "tools", (fake) =>
      Effect.gen(function* () {
        const { function: named, type } = weather().runnable
        const tools = [{ type, function: { name: named.name, description: named.description, parameters } }]
        const request = { model: "main", stream: true, stream_options: { include_usage: true }, tools }
        const system = { role: "system", content: "Be brief." }
        const stream = (messages: ReadonlyArray<unknown>) =>
          Effect.map(ask("/v1/chat/completions", { body: JSON.stringify({ ...request, messages }) }), ({ text }) =>
            dataIn(text).flatMap(({ choices }) => choices),
          )
        // It joins the deltas by their index, and keeps the index in its own message.
        const calls: Array<any> = []
        for (const { delta } of yield* stream([system, ...messages])) {
          for (const call of delta.tool_calls ?? []) {
            if (calls[call.index] === undefined) calls[call.index] = structuredClone(call)
            else calls[call.index].function.arguments += call.function.arguments
          }
        }
        const results = calls.map(({ function: called, id }) => ({
          role: "tool",
          tool_call_id: id,
          content: `sunny in ${JSON.parse(called.arguments).city}`,
        }))
        const answer = { role: "assistant", content: "", tool_calls: calls }
        const last = yield* stream([system, ...messages, answer, ...results])
        expect(last.map(({ delta }) => delta.content ?? "").join("")).toBe(both)
        expect(fake.requests[1]!.results).toEqual(["sunny in Paris", "sunny in Rome"])
      }),
    ),
  )
})
