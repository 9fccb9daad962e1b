/** FunctionTools: tools of clients over OpenAI's API, with a model provider on a real HTTP server. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { removeOldResponses } from "../../../src/transport/openai/ResponseRetention.ts"
import { ahead } from "../../support/AheadClock.ts"
import { withModel } from "../../support/ClientToolGateway.ts"
import { dataIn } from "../../support/EventStream.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }

const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", parameters } }]

const user = (content: string) => ({ role: "user", content })

const question = user("The weather?")

const chat = (fields: object, sent: Sent = {}) =>
  ask("/v1/chat/completions", {
    body: JSON.stringify({ model: "main", messages: [question], tools, ...fields }),
    ...sent,
  })

const respond = (fields: object) =>
  ask("/v1/responses", {
    body: JSON.stringify({
      model: "main",
      input: "The weather?",
      tools: tools.map(({ function: tool, type }) => ({ type, ...tool })),
      ...fields,
    }),
  })

/** Returns the messages after an answer with calls, with one result for each call. */
const answered = (answer: any, ...outputs: ReadonlyArray<string>) => [
  question,
  answer.choices[0].message,
  ...outputs.map((content, i) => ({
    role: "tool",
    tool_call_id: answer.choices[0].message.tool_calls[i].id,
    content,
  })),
]

const sessionCount = Effect.map(Sessions, (sessions) => sessions.count())

describe("Tools of a client", () => {
  for (const dialect of ["openai", "anthropic"] as const) {
    it.live(`A call ends the request, and its result continues the run of a model of ${dialect}.`, () =>
      withModel(dialect, "tool", (fake) =>
        Effect.gen(function* () {
          const first = yield* chat({})
          expect([first.status, first.json.choices[0]]).toMatchObject([
            200,
            {
              finish_reason: "tool_calls",
              message: {
                role: "assistant",
                content: "Looking. ",
                tool_calls: [{ type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } }],
              },
            },
          ])
          // OpenAI's own API refuses longer ids.
          expect(first.json.choices[0].message.tool_calls[0].id.length).toBeLessThanOrEqual(40)
          expect(yield* sessionCount).toBe(1)
          const second = yield* chat({ messages: answered(first.json, "sunny in Paris") })
          expect(second.json.choices[0]).toMatchObject({
            finish_reason: "stop",
            message: { content: "It is sunny in Paris" },
          })
          expect(fake.requests).toHaveLength(2)
          // The provider gets its own call back, with its thinking, and nothing else.
          const sent = JSON.stringify(fake.requests[1]!.body.messages)
          expect(sent).toContain(dialect === "openai" ? '"reasoning_content":"where?"' : '"signature":"c2lnbmVk"')
          expect(sent).not.toContain("tool_results")
          expect(sent.match(/The weather\?/g)).toHaveLength(1)
        }),
      ),
    )
  }

  it.live("The agent's own calls and those of the client follow one another in one conversation.", () =>
    withModel("anthropic", "lookup-first", (fake) =>
      Effect.gen(function* () {
        const first = yield* chat({ user: "ada" })
        expect(first.json.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "Found. " } })
        const second = yield* chat({ user: "ada", messages: answered(first.json, "sunny") })
        expect(second.json.choices[0].message.content).toBe("It is sunny")
        const roles = fake.requests[2]!.body.messages.map(({ role }) => role)
        expect(roles).toEqual(["user", "assistant", "user", "assistant", "user"])
        expect(JSON.stringify(fake.requests[2]!.body.messages)).toContain("the capital of France")
        const { messages } = yield* (yield* Sessions).history("agent:main:openai-user:ada", { limit: 10 })
        expect(messages.map(({ role, tool }) => [role, tool?.name, tool?.output])).toEqual([
          ["user", undefined, undefined],
          ["tool", "lookup", "the capital of France"],
          ["tool", "weather", "The client runs this tool. The result comes with its next message."],
          ["assistant", undefined, undefined],
          ["user", undefined, undefined],
          ["assistant", undefined, undefined],
        ])
        // A later message reads the whole conversation from the transcript.
        yield* chat({ user: "ada", messages: [user("And now?")] })
        expect(JSON.stringify(fake.requests[3]!.body.messages)).toContain('\\"output\\":\\"sunny\\"')
      }),
    ),
  )

  it.live("An answer may have calls of the agent and several of the client.", () =>
    withModel("openai", "mixed", (fake) =>
      Effect.gen(function* () {
        const first = yield* chat({})
        expect(first.json.choices[0].message).toMatchObject({
          content: null,
          tool_calls: [{ function: { arguments: '{"city":"Paris"}' } }, { function: { arguments: '{"city":"Rome"}' } }],
        })
        const messages = answered(first.json, "sunny", "rainy")
        const second = yield* chat({ messages: [...messages, user("And tomorrow?")] })
        expect(second.status).toBe(200)
        expect(fake.requests[1]!.body.messages.slice(-4)).toMatchObject([
          { role: "tool", tool_call_id: "call_1", content: "the capital of France" },
          { role: "tool", tool_call_id: "call_2", content: "sunny" },
          { role: "tool", tool_call_id: "call_3", content: "rainy" },
          { role: "user", content: "And tomorrow?" },
        ])
      }),
    ),
  )

  it.live("A client without parallel calls gets one call at a time.", () =>
    withModel("openai", "mixed", (fake) =>
      Effect.gen(function* () {
        const first = yield* chat({ parallel_tool_calls: false })
        expect(first.json.choices[0].message.tool_calls).toHaveLength(1)
        yield* chat({ messages: answered(first.json, "sunny") })
        const results = fake.requests[1]!.results
        expect(results).toHaveLength(3)
        expect(results[1]).toContain("this one did not run")
      }),
    ),
  )

  it.live("A streamed completion has the calls as deltas.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const { text } = yield* chat({ stream: true })
        const chunks = dataIn(text).map(({ choices }) => choices[0])
        const calls = chunks.flatMap(({ delta }) => delta.tool_calls ?? [])
        expect(calls.map(({ function: { arguments: part, name }, index, type }) => [index, type, name, part])).toEqual([
          [0, "function", "weather", ""],
          [0, undefined, undefined, '{"city":"Paris"}'],
          [1, "function", "weather", ""],
          [1, undefined, undefined, '{"city":"Rome"}'],
        ])
        expect(chunks.at(-1)).toMatchObject({ delta: {}, finish_reason: "tool_calls" })
        expect(yield* sessionCount).toBe(1)
      }),
    ),
  )

  const named = { type: "function", function: { name: "weather" } }
  it.live.each([
    ["auto", "auto", undefined, ["lookup", "weather"]],
    ["none", "none", undefined, ["lookup"]],
    ["required", "required", "required", ["lookup", "weather"]],
    ["the name of a tool", named, named, ["lookup", "weather"]],
    [
      "a list of allowed tools",
      { type: "allowed_tools", allowed_tools: { mode: "required", tools: [named] } },
      "required",
      ["lookup", "weather"],
    ],
    [
      "an empty list of allowed tools",
      { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
      undefined,
      ["lookup"],
    ],
  ] as const)("A tool_choice of %s reaches the model.", ([, tool_choice, sent, names]) =>
    withModel("openai", "text", (fake) =>
      Effect.gen(function* () {
        expect((yield* chat({ tool_choice })).status).toBe(200)
        const { tool_choice: choice, tools } = fake.requests[0]!.body as any
        const offered = tools.map((tool: any) => tool.function.name)
        expect([choice, offered.filter((name: string) => names.includes(name as never))]).toEqual([sent, names])
        expect(offered.includes("weather")).toBe(names.includes("weather" as never))
      }),
    ),
  )

  it.live(
    "A response has the calls as items, and the next one continues it by the id of the response or of the call.",
    () =>
      withModel("openai", "tool", (fake) =>
        Effect.gen(function* () {
          const first = (yield* respond({})).json
          expect(first).toMatchObject({
            status: "completed",
            output: [
              { type: "message", content: [{ text: "Looking. " }] },
              { type: "function_call", status: "completed", name: "weather", arguments: '{"city":"Paris"}' },
            ],
          })
          const result = { type: "function_call_output", call_id: first.output[1].call_id, output: "sunny" }
          const second = (yield* respond({ input: [result], previous_response_id: first.id })).json
          expect(second.output).toMatchObject([{ content: [{ text: "It is sunny" }] }])
          expect(fake.requests[1]!.results).toEqual(["sunny"])

          const other = (yield* respond({ store: false })).json
          const reference = { type: "item_reference", id: other.output[1].id }
          const output = { ...result, call_id: other.output[1].call_id }
          const third = (yield* respond({ input: [user("The weather?"), reference, output], store: false })).json
          expect(third.output).toMatchObject([{ content: [{ text: "It is sunny" }] }])
        }),
      ),
  )

  it.live("A streamed response has OpenAI's events for calls.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const { text } = yield* respond({ stream: true })
        const events = dataIn(text)
        const ofCall = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"]
        expect(events.map(({ output_index, type }) => [type.replace("response.", ""), output_index])).toEqual([
          ["created", undefined],
          ["in_progress", undefined],
          ...[...ofCall, "output_item.done"].map((type) => [type, 0]),
          ...[...ofCall, "output_item.done"].map((type) => [type, 1]),
          ["completed", undefined],
        ])
        expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i))
      }),
    ),
  )

  it.live("Results for a conversation that the gateway does not have come with the conversation as a text.", () =>
    withModel("openai", "text", (fake) =>
      Effect.gen(function* () {
        const foreign = { id: "call_abc", type: "function", function: { name: "weather", arguments: "{}" } }
        const { status } = yield* chat({
          messages: [
            question,
            { role: "assistant", content: null, tool_calls: [foreign] },
            { role: "tool", tool_call_id: "call_abc", content: "sunny" },
          ],
        })
        expect(status).toBe(200)
        expect(fake.requests[0]!.body.messages.at(-1)!["content"]).toBe(
          '<conversation>\n<user>\nThe weather?\n</user>\n<assistant>\n[calls the tool "weather" as "call_abc" with {}]\n</assistant>\n' +
            '</conversation>\n\n<tool call="call_abc">\nsunny\n</tool>',
        )
      }),
    ),
  )

  it.live("Results go to the conversation of the request if its session has moved on.", () =>
    withModel("openai", "tool", (fake) =>
      Effect.gen(function* () {
        const first = yield* chat({ user: "ada" })
        yield* (yield* Runs).inject({ sessionKey: "agent:main:openai-user:ada", role: "user", text: "Never mind." })
        const second = yield* chat({ user: "ada", messages: answered(first.json, "sunny") })
        expect(second.status).toBe(200)
        expect(String(fake.requests[1]!.body.messages.at(-1)!["content"])).toMatch(
          /<tool call="call_[0-9a-f]+_1">\nsunny/,
        )
      }),
    ),
  )

  it.live("Wrong results and wrong tools get 400 in OpenAI's form.", () =>
    withModel("openai", "tools", () =>
      Effect.gen(function* () {
        const first = yield* chat({})
        const [asked, answer, one, two] = answered(first.json, "a", "b")
        const bad = (messages: ReadonlyArray<unknown>) => Effect.map(chat({ messages }), ({ json }) => json.error)
        expect(yield* bad([asked, { ...(one as object), tool_call_id: "call_1" }])).toMatchObject({
          type: "invalid_request_error",
          param: "messages",
          code: "unknown_tool_call",
        })
        expect((yield* bad([asked, answer, one])).message).toMatch(/has no result/)
        expect((yield* bad([asked, answer, one, { ...(two as object), tool_call_id: "call_2" }])).code).toBe(
          "unknown_tool_call",
        )
        const other = yield* chat({ messages: [asked, answer, one, two] })
        expect(other.status).toBe(200)
        const refused = [
          { tools: [{ type: "web_search" }] },
          { tools: [{ type: "function", function: { name: "a b" } }] },
          { tools: [{ type: "function" }] },
          { tools: [tools[0], tools[0]] },
          { tools: [{ type: "function", function: { name: "f", parameters: { type: "string" } } }] },
          { tools: Array.from({ length: 129 }, (_, i) => ({ type: "function", function: { name: `f${i}` } })) },
          { tool_choice: { type: "function", function: { name: "wether" } } },
          { tool_choice: { type: "allowed_tools", allowed_tools: { mode: "some", tools: [] } } },
          { tool_choice: "always" },
          { tools: [], tool_choice: "required" },
          { parallel_tool_calls: "no" },
        ]
        for (const fields of refused) {
          const { json, status } = yield* chat(fields)
          expect([status, json.error.type], JSON.stringify(fields).slice(0, 100)).toEqual([
            400,
            "invalid_request_error",
          ])
        }
      }),
    ),
  )

  it.live("An agent with another runtime refuses tools, and says why.", () =>
    Effect.gen(function* () {
      const { json, status } = yield* chat({})
      expect([status, json.error.param, json.error.message]).toEqual([
        400,
        "tools",
        'the agent "main" cannot call tools of a client, because its runtime is "echo": leave "tools" out, or give the agent a model of a provider',
      ])
      expect((yield* chat({ tool_choice: "none" })).status).toBe(200)
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("A session whose client never sends its results goes after an hour.", () =>
    withModel("openai", "tool", () =>
      Effect.gen(function* () {
        const first = yield* chat({})
        yield* ahead(3_000_000)(removeOldResponses)
        expect(yield* sessionCount).toBe(1)
        yield* ahead(3_700_000)(removeOldResponses)
        expect(yield* sessionCount).toBe(0)
        // The conversation of the request has all that the model needs.
        expect((yield* chat({ messages: answered(first.json, "sunny") })).status).toBe(200)
      }),
    ),
  )

  it.live("Results after a restart of the gateway reach the model as a text in the same session.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const first = yield* withModel("openai", "tool", () => chat({}), { stateDir })
      yield* withModel(
        "openai",
        "text",
        (fake) =>
          Effect.gen(function* () {
            const second = yield* chat({ messages: answered(first.json, "sunny") })
            expect(second.json.choices[0].message.content).toBe("Hello wörld")
            expect(JSON.stringify(fake.requests[0]!.body.messages.slice(1))).toMatch(
              /The weather\?.*"name":"weather".*<tool_results>.*sunny/,
            )
          }),
        { stateDir },
      )
    }).pipe(Effect.scoped),
  )

  it.live("A run with a call has ended: it holds no place, and its outcome is done.", () =>
    withModel("openai", "tool", () =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const first = yield* chat({})
        const run = yield* runs.get(first.json.id.slice("chatcmpl_".length))
        expect([run.state, runs.counts().running]).toEqual(["done", 0])
      }),
    ),
  )
})
