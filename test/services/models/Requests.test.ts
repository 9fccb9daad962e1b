/** The requests that the dialects send, as a server sees them. */
import { describe, expect, it } from "@effect/vitest"
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ThinkingLevel } from "../../../src/domain/Run.ts"
import type { ModelProviders } from "../../../src/services/models/ModelProviders.ts"
import * as FakeModels from "../../support/FakeModels.ts"
import type * as FakeProvider from "../../support/FakeProvider.ts"

const withModel = <A, E>(
  dialect: FakeProvider.Dialect,
  use: (
    resolve: (model: string, thinking?: ThinkingLevel) => ReturnType<ModelProviders["Service"]["resolve"]>,
    fake: FakeProvider.FakeProvider,
  ) => Effect.Effect<A, E>,
) =>
  FakeModels.withProviders(
    ({ baseUrl }) => ({
      fake: {
        kind: dialect,
        baseUrl: baseUrl[dialect],
        apiKey: FakeModels.KEY,
        headers: { "X-Title": "causeway" },
      },
    }),
    ({ resolve }, fake) => use((model, thinking) => resolve(`fake/${model}`, { thinking }), fake),
  )

/** Runs the tools of a model until it needs none. */
const converse = Effect.fnUntraced(function* (
  model: Effect.Success<ReturnType<ModelProviders["Service"]["resolve"]>>["languageModel"],
) {
  let prompt: Prompt.Prompt = Prompt.make("How is the weather?")
  while (true) {
    const parts = yield* Stream.runCollect(model.streamText({ prompt, toolkit: FakeModels.weather }))
    if (!parts.some(({ type }) => type === "tool-result")) {
      return parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
    }
    prompt = Prompt.concat(prompt, Prompt.fromResponseParts(parts))
  }
}, Effect.provide(FakeModels.weatherLayer))

describe("Requests", () => {
  it.live("Anthropic gets the thought with its signature, the call and the result in the next step.", () =>
    withModel(
      "anthropic",
      Effect.fnUntraced(function* (resolve, fake) {
        const { languageModel } = yield* resolve("tool")
        expect(yield* converse(languageModel)).toBe("It is sunny in Paris")
        expect(fake.requests[0]!.headers).toMatchObject({
          "x-api-key": FakeModels.KEY,
          "anthropic-version": "2023-06-01",
          "x-title": "causeway",
        })
        expect(fake.requests[0]!.headers).not.toHaveProperty("traceparent")
        expect(fake.requests[1]!.body.messages).toEqual([
          { role: "user", content: [{ type: "text", text: "How is the weather?" }] },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "where?", signature: "c2lnbmVk" },
              { type: "text", text: "Looking. " },
              { type: "tool_use", id: "call_1", name: "weather", input: { city: "Paris" } },
            ],
          },
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "call_1",
                content: "sunny in Paris",
                cache_control: { type: "ephemeral" },
              },
            ],
          },
        ])
      }),
    ),
  )

  it.live("An OpenAI-compatible server gets its thought back in the field in which it came.", () =>
    withModel(
      "openai",
      Effect.fnUntraced(function* (resolve, fake) {
        const { languageModel } = yield* resolve("tool")
        expect(yield* converse(languageModel)).toBe("It is sunny in Paris")
        expect(fake.requests[0]!.headers.authorization).toBe(`Bearer ${FakeModels.KEY}`)
        expect(fake.requests[1]!.body.messages).toEqual([
          { role: "user", content: "How is the weather?" },
          {
            role: "assistant",
            content: "Looking. ",
            reasoning_content: "where?",
            tool_calls: [
              { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } },
            ],
          },
          { role: "tool", tool_call_id: "call_1", content: "sunny in Paris" },
        ])
      }),
    ),
  )

  it.live.each(["openai", "anthropic"] as const)("Two calls at once get two results with the dialect %s .", (dialect) =>
    withModel(
      dialect,
      Effect.fnUntraced(function* (resolve, fake) {
        const { languageModel } = yield* resolve("tools")
        expect(yield* converse(languageModel)).toBe("It is sunny in Paris and sunny in Rome")
        expect(fake.requests[1]!.results).toEqual(["sunny in Paris", "sunny in Rome"])
      }),
    ),
  )

  it.live.each(["openai", "anthropic"] as const)(
    "A call with broken arguments gets a result that the model reads with the dialect %s .",
    (dialect) =>
      withModel(
        dialect,
        Effect.fnUntraced(function* (resolve, fake) {
          const { languageModel } = yield* resolve("tool-broken")
          expect(yield* converse(languageModel)).toBe("Sorry")
          expect(fake.requests[1]!.results[0]).toContain("weather")
        }),
      ),
  )

  it.live.each([
    [
      "openai",
      [
        { type: "text", text: "Look" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
        { type: "image_url", image_url: { url: "https://example.org/a.jpg" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } },
        { type: "text", text: "notes" },
        { type: "text", text: "[The file a.zip (application/zip) is left out, because this provider cannot read it.]" },
      ],
    ],
    [
      "anthropic",
      [
        { type: "text", text: "Look" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
        { type: "image", source: { type: "url", url: "https://example.org/a.jpg" } },
        { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" } },
        { type: "text", text: "notes" },
        {
          type: "text",
          text: "[The file a.zip (application/zip) is left out, because this provider cannot read it.]",
          cache_control: { type: "ephemeral" },
        },
      ],
    ],
  ] as const)("The dialect %s sends images and documents, and names files that it cannot send.", ([dialect, content]) =>
    withModel(
      dialect,
      Effect.fnUntraced(function* (resolve, fake) {
        const { languageModel } = yield* resolve("text")
        const bytes = new Uint8Array([1, 2, 3])
        const file = (mediaType: string, data: string | Uint8Array | URL, fileName?: string) =>
          Prompt.filePart({ mediaType, data, fileName })
        yield* FakeModels.say(languageModel, [
          {
            role: "user",
            content: [
              Prompt.textPart({ text: "Look" }),
              file("image/png", bytes),
              file("image/jpeg", new URL("https://example.org/a.jpg")),
              file("application/pdf", bytes, "a.pdf"),
              file("text/plain", Buffer.from("notes").toString("base64")),
              file("application/zip", bytes, "a.zip"),
            ],
          },
        ])
        expect(fake.requests[0]!.body.messages[0]!["content"]).toEqual(content)
      }),
    ),
  )

  it.live.each([
    ["openai", "off", { reasoning_effort: "none" }],
    ["openai", "xhigh", { reasoning_effort: "xhigh" }],
    ["anthropic", "off", { thinking: { type: "disabled" } }],
    ["anthropic", "low", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "low" } }],
  ] as const)("The dialect %s sends the level %s in its newest form.", ([dialect, level, form]) =>
    withModel(
      dialect,
      Effect.fnUntraced(function* (resolve, fake) {
        const { languageModel } = yield* resolve("text", level)
        yield* FakeModels.say(languageModel)
        expect(fake.requests[0]!.body).toMatchObject(form)
      }),
    ),
  )

  it.live("A model that refuses a form of thinking gets the next one, and later calls begin with it.", () =>
    withModel(
      "anthropic",
      Effect.fnUntraced(function* (resolve, fake) {
        fake.script("older", async (answer, { body }) => {
          const type = (body["thinking"] as { type?: string } | undefined)?.type
          if (type === "adaptive")
            return answer.fail({ status: 400, message: "adaptive thinking is not supported on this model" })
          await answer.text("ok")
          return answer.end()
        })
        for (const _ of [1, 2]) {
          const { languageModel } = yield* resolve("older", "low")
          expect((yield* FakeModels.say(languageModel)).text).toBe("ok")
        }
        expect(fake.requests.map(({ body }) => body["thinking"])).toEqual([
          { type: "adaptive", display: "summarized" },
          { type: "enabled", budget_tokens: 2_048 },
          { type: "enabled", budget_tokens: 2_048 },
        ])
      }),
    ),
  )

  it.live("A model that knows no thinking gets the request without it.", () =>
    withModel(
      "openai",
      Effect.fnUntraced(function* (resolve, fake) {
        fake.script("plain", async (answer, { body }) => {
          if (body["reasoning_effort"] !== undefined) {
            return answer.fail({ status: 400, message: "Unsupported parameter: 'reasoning_effort'" })
          }
          await answer.text("ok")
          return answer.end()
        })
        const { languageModel } = yield* resolve("plain", "minimal")
        expect((yield* FakeModels.say(languageModel)).text).toBe("ok")
        expect(fake.requests.map(({ body }) => body["reasoning_effort"])).toEqual(["minimal", "low", undefined])
      }),
    ),
  )
})
