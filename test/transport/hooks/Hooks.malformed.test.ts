/** Malformed requests to hooks. Each gets the listed status and body as OpenClaw answers, and runs nothing. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, raw, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const TOKEN = "token-of-the-hooks-with-32-characters"

/** `error`: the text of a plain response, or a part of `error` in JSON. */
type Row = readonly [name: string, path: string, sent: Sent, status: number, error?: string]

const text = (name: string, body: string | Buffer, error: string): Row => [name, "agent", { body }, 400, error]

const agent = (name: string, fields: object, error: string, sent: Sent = {}): Row => [
  name,
  "agent",
  { body: JSON.stringify({ message: "x", ...fields }), ...sent },
  400,
  error,
]

const wake = (name: string, fields: object, error: string): Row => [
  name,
  "wake",
  { body: JSON.stringify({ text: "x", ...fields }) },
  400,
  error,
]

const valid = JSON.stringify({ text: "x", message: "x" })

const rows: ReadonlyArray<Row> = [
  text("no JSON", "message=x", "not valid JSON"),
  text("an empty body", " ", "not valid JSON"),
  text("half of an object", '{"message":"x"', "not valid JSON"),
  text("bytes that are not UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22]), "not valid JSON"),
  text("JSON that nests too deep", "[".repeat(100) + "]".repeat(100), "nested too deep"),
  text("null", "null", "Expected"),
  text("a list", "[]", "Expected"),
  text("a text", '"x"', "Expected"),
  agent("no message", { message: undefined }, "message"),
  agent("an empty message", { message: " " }, "message required"),
  agent("a message that is a number", { message: 5 }, "message"),
  agent("an unknown agent", { agentId: "nobody" }, "allowedAgentIds"),
  agent("an agent that does not exist", { agentId: "ghost" }, "not found"),
  agent("an empty name", { name: "" }, "name"),
  agent("a session", { sessionKey: "x" }, "allowRequestSessionKey"),
  agent("a session that is no text", { sessionKey: 5 }, "sessionKey"),
  agent("an unknown mode of the session", { sessionMode: "new" }, "sessionMode"),
  agent("a session to continue, without one", { sessionMode: "persistent" }, "defaultSessionKey"),
  agent("a channel", { channel: "telegram", to: "1" }, "channels"),
  agent("a recipient", { to: "1" }, "channels"),
  agent("an unknown thinking level", { thinking: "hard" }, "thinking"),
  agent("no time", { timeoutSeconds: 0 }, "timeoutSeconds"),
  agent("a time that is not whole", { timeoutSeconds: 1.5 }, "timeoutSeconds"),
  agent("a long time", { timeoutSeconds: 1e9 }, "timeoutSeconds"),
  agent("an unknown mode", { wakeMode: "later" }, "wakeMode"),
  agent("waitForCompletion as a text", { waitForCompletion: "yes" }, "waitForCompletion"),
  agent("a key that is too long", { idempotencyKey: "x".repeat(257) }, "256 characters"),
  agent("a long key in the header", {}, "256 characters", { headers: { "idempotency-key": "x".repeat(257) } }),
  wake("an empty text", { text: "" }, "text required"),
  wake("no text", { text: undefined }, "text"),
  wake("an unknown mode", { mode: "soon" }, "mode"),
  wake("a session", { sessionKey: "x" }, "allowRequestSessionKey"),
  wake("an agent that hooks may not use", { agentId: "secret" }, "allowedAgentIds"),
  ["a body above the limit", "agent", { body: JSON.stringify({ message: "x".repeat(262_144) }) }, 413, "too big"],
  ["a list that is no list", "mail", { body: '{"messages":{}}' }, 400, "forEach"],
  ["a list that is missing", "mail", { body: "{}" }, 400, "forEach"],
  [
    "too many items",
    "mail",
    { body: JSON.stringify({ messages: Array.from({ length: 201 }, () => ({})) }) },
    400,
    "forEach",
  ],
  ["an unknown name", "foo", { body: valid }, 404, "Not Found"],
  ["an inherited member as the name", "constructor", { body: valid }, 404, "Not Found"],
  ["a source that no mapping takes", "sourced", { body: '{"source":"b"}' }, 404, "Not Found"],
  ["a path below a hook", "agent/x", { body: valid }, 404, "Not Found"],
  ["no name", "", { body: valid }, 404, "Not Found"],
  ["GET", "wake", {}, 405, "Method Not Allowed"],
  ["PUT", "agent", { method: "PUT", body: valid }, 405, "Method Not Allowed"],
  ["no token", "wake", { body: valid, token: null }, 401, "Unauthorized"],
  ["a wrong token", "wake", { body: valid, token: "wrong" }, 401, "Unauthorized"],
  ["no token at an unknown name", "foo", { body: valid, token: null }, 401, "Unauthorized"],
  [
    "a token in the address",
    `wake?token=${TOKEN}`,
    { body: valid, token: null },
    400,
    "Send the token in the header Authorization: Bearer.",
  ],
  ["a page of another site", "wake", { body: valid, headers: { origin: "https://evil.example" } }, 403],
]

const head = (lines: ReadonlyArray<string>) =>
  ["POST /hooks/wake HTTP/1.1", "Host: localhost", `Authorization: Bearer ${TOKEN}`, ...lines, "", ""].join("\r\n")

const gateway = TestGateway.layer({
  hooks: {
    token: TOKEN,
    allowedAgentIds: ["main", "ghost"],
    mappings: { mail: { forEach: "messages" }, sourced: { match: { source: "a" } } },
  },
})

layer(gateway, { excludeTestServices: true })("Hooks, malformed requests", (it) => {
  for (const [name, path, sent, status, error] of rows) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(`/hooks/${path}`, { token: TOKEN, ...sent })
        expect(answer.status).toBe(status)
        if (status === 405) expect(answer.headers.allow).toContain("POST")
        if (error !== undefined && answer.json === undefined) expect(answer.text).toBe(error)
        else if (error !== undefined) expect(answer.json).toEqual({ ok: false, error: expect.stringContaining(error) })
        expect(answer.text).not.toContain(TOKEN)
        expect((yield* Sessions).count()).toBe(0)
        expect((yield* Runs).counts()).toMatchObject({ running: 0, waiting: 0 })
      }),
    )
  }

  it.effect("A body without a length above the limit gets 413, and the gateway closes the connection.", () =>
    Effect.gen(function* () {
      const chunk = `40001\r\n${" ".repeat(0x4_00_01)}\r\n0\r\n\r\n`
      const { status } = yield* raw(`${head(["Transfer-Encoding: chunked", "Connection: close"])}${chunk}`)
      expect(status).toBe(413)
    }),
  )
})
