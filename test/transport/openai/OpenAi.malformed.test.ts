/** Malformed requests to the OpenAI-compatible routes. Each gets the listed status in OpenAI's form, and runs nothing. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

type Row = readonly [name: string, path: string, sent: Sent, status: number]

const CHAT = "/v1/chat/completions"
const RESPONSES = "/v1/responses"

const hello = { role: "user", content: "hello" }

const text = (name: string, body: string | Buffer, status = 400): Row => [name, CHAT, { body }, status]

const chat = (name: string, fields: object, status = 400, sent: Sent = {}): Row => [
  name,
  CHAT,
  { body: JSON.stringify({ model: "main", messages: [hello], ...fields }), ...sent },
  status,
]

const response = (name: string, fields: object, status = 400): Row => [
  name,
  RESPONSES,
  { body: JSON.stringify({ model: "main", input: "hello", ...fields }) },
  status,
]

const headers = (name: string, headers: Record<string, string>, status = 400): Row =>
  chat(name, {}, status, { headers })

const valid = JSON.stringify({ model: "main", messages: [hello] })

const rows: ReadonlyArray<Row> = [
  text("no JSON", "model=main"),
  text("half of an object", '{"model":"main"'),
  text("bytes that are not UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22])),
  text("null", "null"),
  text("a list", "[]"),
  text("JSON that nests too deep", "[".repeat(100) + "]".repeat(100)),
  text("a body above the limit", " ".repeat(20_001), 413),
  chat("no model", { model: undefined }),
  chat("an empty model", { model: "" }),
  chat("a model that is no text", { model: 5 }),
  chat("an unknown model", { model: "gpt-6" }, 404),
  chat("an inherited member as the model", { model: "constructor" }, 404),
  chat("a long unknown model", { model: "x".repeat(5_000) }, 404),
  chat("no messages", { messages: undefined }),
  chat("an empty list of messages", { messages: [] }),
  chat("messages that are no list", { messages: hello }),
  chat("an unknown role", { messages: [{ role: "boss", content: "x" }] }),
  chat("a message without a role", { messages: [{ content: "x" }] }),
  chat("content that is a number", { messages: [{ role: "user", content: 5 }] }),
  chat("empty content", { messages: [{ role: "user", content: "" }] }),
  chat("no message of the user", { messages: [{ role: "system", content: "x" }] }),
  chat("a reply as the last message", { messages: [hello, { role: "assistant", content: "x" }] }),
  chat("an image of another server", {
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://127.0.0.1/a.png" } }] }],
  }),
  chat("a part without a type", { messages: [{ role: "user", content: [{ text: "x" }] }] }),
  chat("tools for an agent that takes none", { tools: [{ type: "function", function: { name: "f" } }] }),
  chat("tools that are no list", { tools: { type: "function" } }),
  chat("a tool of another type", { tools: [{ type: "web_search" }] }),
  chat("a choice of an unknown tool", { tool_choice: { type: "function", function: { name: "f" } } }),
  chat("the result of an unknown call", { messages: [hello, { role: "tool", tool_call_id: "call_1", content: "x" }] }),
  chat("a result without a call", { messages: [hello, { role: "tool", content: "x" }] }),
  chat("functions of the client", { functions: [{ name: "f" }] }),
  chat("two answers", { n: 2 }),
  chat("logprobs", { logprobs: true }),
  chat("a JSON schema", { response_format: { type: "json_schema" } }),
  chat("an answer as audio", { modalities: ["text", "audio"] }),
  chat("stream as a text", { stream: "yes" }),
  chat("a user that is too long", { user: "x".repeat(257) }),
  chat("a user with a control character", { user: "a\u0000b" }),
  headers("a session of a subagent", { "x-openclaw-session-key": "agent:main:subagent:x" }),
  headers("a session of a schedule", { "x-openclaw-session-key": "cron:x" }),
  headers("a session of another agent", { "x-openclaw-session-key": "agent:other:x" }),
  headers("a session key that is too long", { "x-openclaw-session-key": "x".repeat(2_049) }),
  headers("an unknown agent", { "x-openclaw-agent-id": "nobody" }, 404),
  headers("another media type", { "content-type": "text/plain" }, 415),
  headers("a page of another site", { origin: "https://evil.example" }, 403),
  response("no input", { input: undefined }),
  response("an empty input", { input: "" }),
  response("input that is an object", { input: { text: "x" } }),
  response("an item of another type", { input: [{ type: "computer_call_output", call_id: "1", output: "x" }] }),
  response("the result of an unknown call", { input: [{ type: "function_call_output", call_id: "1", output: "x" }] }),
  response("a result without an id", { input: [{ type: "function_call_output", output: "x" }] }),
  response("an item without a role", { input: [{ content: "x" }] }),
  response("a file", { input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] }),
  response("a reference to nothing", { input: [{ type: "item_reference", id: "msg_1" }] }),
  response("an unknown earlier response", { previous_response_id: `resp_${"0".repeat(36)}` }),
  response("an earlier response that is no id", { previous_response_id: "'; drop table" }),
  response("a response in the background", { background: true }),
  response("a conversation", { conversation: "conv_1" }),
  response("a format of JSON", { text: { format: { type: "json_object" } } }),
  ["no token", CHAT, { body: valid, token: null }, 401],
  ["a wrong token", CHAT, { body: valid, token: "wrong" }, 401],
  ["GET", CHAT, {}, 405],
  ["DELETE", "/v1/models", { method: "DELETE" }, 405],
  ["no body", CHAT, { method: "POST" }, 415],
  ["an unknown route", "/v1/embeddings", { body: "{}" }, 404],
  ["an unknown model in the path", "/v1/models/nope", {}, 404],
  ["a path above the prefix", "/v1/models/..%2f..%2fhealth", {}, 404],
]

const gateway = TestGateway.layer({ limits: { frameBytes: 20_000, authFailures: 100, authFailureDelayMs: 0 } })

layer(gateway, { excludeTestServices: true })("OpenAi, malformed requests", (it) => {
  for (const [name, path, sent, status] of rows) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(path, sent)
        expect(answer.status).toBe(status)
        // HttpGuard.ts refuses foreign pages before any route.
        if (status === 403) return
        expect(answer.json).toEqual({
          error: {
            message: expect.any(String),
            type: expect.any(String),
            param: answer.json.error.param,
            code: answer.json.error.code,
          },
        })
        expect(answer.text.length).toBeLessThan(3_000)
        expect((yield* Sessions).count()).toBe(0)
        expect((yield* Runs).counts()).toMatchObject({ running: 0, waiting: 0 })
      }),
    )
  }
})
