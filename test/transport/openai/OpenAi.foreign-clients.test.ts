/** OpenAi: the official `openai` package, the AI SDK, and the requests of Open WebUI against the gateway. */
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { describe, expect, it } from "@effect/vitest"
import { generateText, streamText } from "ai"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import OpenAI, { APIError } from "openai"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { ask } from "../../support/HttpRequests.ts"
import { staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const baseURL = Effect.map(TestGateway.TestGateway, ({ url }) => `${url}/v1`)

const client = Effect.map(baseURL, (baseURL) => new OpenAI({ apiKey: TestGateway.TOKEN, baseURL }))

const messages = [{ role: "user" as const, content: "hello there" }]

describe("OpenAi with foreign clients", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("The package openai lists the models.", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const models = yield* Effect.promise(() => openai.models.list())
        expect(models.data.map(({ id }) => id)).toEqual(["main"])
        expect((yield* Effect.promise(() => openai.models.retrieve("openclaw/default"))).id).toBe("main")
      }),
    )

    it.effect("The package openai reads a completion, whole and streamed.", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const whole = yield* Effect.promise(() => openai.chat.completions.create({ model: "main", messages }))
        expect(whole.choices[0]?.message.content).toBe("echo: hello there")
        const stream = openai.chat.completions.stream({
          model: "main",
          messages,
          stream_options: { include_usage: true },
        })
        const final = yield* Effect.promise(() => stream.finalChatCompletion())
        expect(final.choices[0]?.message.content).toBe("echo: hello there")
        expect(final.choices[0]?.finish_reason).toBe("stop")
        expect(final.usage?.completion_tokens).toBe(3)
      }),
    )

    it.effect("The package openai reads a response, whole, streamed and continued.", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const first = yield* Effect.promise(() => openai.responses.create({ model: "main", input: "hello there" }))
        expect(first.output_text).toBe("echo: hello there")
        const stream = openai.responses.stream({ model: "main", input: "again", previous_response_id: first.id })
        const final = yield* Effect.promise(() => stream.finalResponse())
        expect([final.output_text, final.previous_response_id]).toEqual(["echo: again", first.id])
      }),
    )

    it.effect("The package openai gets its own errors, and repeats no failed run.", () =>
      Effect.gen(function* () {
        const openai = yield* client
        const failing = { model: "main", messages: [{ role: "user" as const, content: "/fail x" }] }
        const failed = yield* Effect.promise(() =>
          openai.chat.completions.create(failing).catch((error: unknown) => error),
        )
        expect(failed).toBeInstanceOf(APIError)
        expect(failed).toMatchObject({ status: 502, code: "runtime" })
        const inStream = yield* Effect.promise(async () => {
          try {
            for await (const _ of await openai.chat.completions.create({ ...failing, stream: true })) continue
            return undefined
          } catch (error) {
            return error
          }
        })
        expect(inStream).toBeInstanceOf(APIError)
        const wrong = new OpenAI({ apiKey: "wrong", baseURL: yield* baseURL })
        const refused = yield* Effect.promise(() => wrong.models.list().catch((error: unknown) => error))
        expect(refused).toMatchObject({ status: 401 })
      }),
    )

    it.effect("The AI SDK reads completions with its provider for compatible servers.", () =>
      Effect.gen(function* () {
        const provider = createOpenAICompatible({
          name: "causeway",
          baseURL: yield* baseURL,
          apiKey: TestGateway.TOKEN,
        })
        const whole = yield* Effect.promise(() => generateText({ model: provider("main"), prompt: "hello there" }))
        expect(whole.text).toBe("echo: hello there")
        const streamed = streamText({ model: provider("main"), prompt: "/think hello there" })
        expect(yield* Effect.promise(async () => streamed.text)).toBe("echo: hello there")
        expect(yield* Effect.promise(async () => streamed.reasoningText)).toBe("thinking about: hello there")
      }),
    )

    it.effect("The AI SDK holds a conversation with its provider for OpenAI.", () =>
      Effect.gen(function* () {
        const model = createOpenAI({ baseURL: yield* baseURL, apiKey: TestGateway.TOKEN })("main")
        const first = yield* Effect.promise(() => generateText({ model, messages }))
        expect(first.text).toBe("echo: hello there")
        const more = [...messages, ...first.response.messages, { role: "user" as const, content: "and now" }]
        const second = yield* Effect.promise(async () => streamText({ model, messages: more }).text)
        expect(second).toContain("<assistant>\necho: hello there\n</assistant>")
        expect(second).toMatch(/and now$/)
      }),
    )

    // The fields follow backend/open_webui/routers/openai.py of Open WebUI, and its task that makes a title.
    it.effect("The requests of Open WebUI get their answers.", () =>
      Effect.gen(function* () {
        const models = yield* ask("/v1/models", {
          headers: { "user-agent": "Python/3.12 aiohttp/3.12", accept: "*/*" },
        })
        expect(models.json.data[0]).toMatchObject({ id: "main", object: "model" })
        const request = {
          stream: true,
          model: "main",
          messages: [{ role: "system", content: "" }, ...messages],
          stream_options: { include_usage: true },
          temperature: 0.7,
          max_tokens: 1_000,
          seed: 1,
        }
        const chat = yield* ask("/v1/chat/completions", { body: JSON.stringify(request) })
        expect(chat.status).toBe(200)
        expect(chat.text).toContain('"content":"echo: ')
        // It may mark the last message for a cache, and name its user.
        const marked = [
          { role: "user", content: [{ type: "text", text: "hello", cache_control: { type: "ephemeral" } }] },
        ]
        const forwarded = {
          "x-openwebui-user-name": "Ada",
          "x-openwebui-user-role": "user",
          "x-openwebui-chat-id": "1",
        }
        const body = JSON.stringify({ ...request, messages: marked, reasoning: { effort: "low" }, logit_bias: {} })
        expect((yield* ask("/v1/chat/completions", { body, headers: forwarded })).text).toContain("[DONE]")
        // It shows the message of an error, e.g. if its documents shall use the gateway for embeddings.
        const embeddings = yield* ask("/v1/embeddings", { body: JSON.stringify({ model: "main", input: ["a"] }) })
        expect([embeddings.status, typeof embeddings.json.error.message]).toEqual([404, "string"])
        const title = { model: "main", messages, stream: false, max_completion_tokens: 1_000 }
        expect((yield* ask("/v1/chat/completions", { body: JSON.stringify(title) })).status).toBe(200)
      }),
    )
  })

  it.live("The package openai aborts the run when its program leaves the stream.", () =>
    Effect.gen(function* () {
      const stage = staged()
      yield* Effect.gen(function* () {
        const openai = yield* client
        const leaving = Effect.promise(async () => {
          const stream = await openai.chat.completions.create({ model: "main", messages, stream: true })
          for await (const { choices } of stream) if (choices[0]?.delta.content === "one") break
        })
        const speaking = Effect.flatMap(stage.next, (run) => Effect.as(run.say("one"), run))
        const [, run] = yield* Effect.all([leaving, speaking], { concurrency: 2 })
        yield* Deferred.await(run.interrupted)
      }).pipe(Effect.provide(TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(stage.runtime) })))
    }),
  )
})
