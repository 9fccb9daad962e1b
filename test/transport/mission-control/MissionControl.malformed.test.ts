/** MissionControl: the exact answers to malformed messages. Each row of the tables is a test. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

interface Row {
  readonly name: string
  readonly message: unknown
  /** The types and payloads of all answers. */
  readonly answers: ReadonlyArray<readonly [type: string, payload: object]>
}

const error = (name: string, message: unknown, text: string): Row => ({
  name,
  message,
  answers: [["error", { message: text }]],
})

const answer = (name: string, message: unknown, ...answers: Row["answers"]): Row => ({ name, message, answers })

const refused = (name: string, message: { type: string; date?: unknown }, date: string | null, problem: string): Row =>
  answer(name, message, [
    message.type === "write_file" ? "write_complete" : "create_complete",
    { date, success: false, error: problem },
  ])

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

const format = "Invalid message format"

/** Frames that are not JSON objects. */
const json = [
  error("an empty text", "", format),
  error("white space", " \n\t ", format),
  error("no JSON", "hello", format),
  error("half of an object", '{"type":"ping"', format),
  error("two objects", '{"type":"ping"}{"type":"ping"}', format),
  error("a trailing comma", '{"type":"ping",}', format),
  error("single quotes", "{'type':'ping'}", format),
  error("a comment", '{"type":"ping"}// so', format),
  error("NaN", '{"type":NaN}', format),
  error("a byte order mark before no JSON", "\uFEFFhello", format),
  error("a byte order mark before a message", '\uFEFF{"type":"foo"}', "Unknown message type: foo"),
  error("a lone zero byte", "\0", format),
  error("null", "null", format),
  error("a number", "42", format),
  error("a text", '"ping"', format),
  error("true", "true", format),
  error("a list", '[{"type":"ping"}]', format),
  error("deeper than the limit", nested(65), format),
  error("much deeper than the limit", nested(30_000), format),
  error("depth within an object", `{"type":"ping","x":${nested(64)}}`, format),
]

/** Objects that are not messages. */
const envelope = [
  error("nothing", {}, "Unknown message type: undefined"),
  error("a type of no message", { type: "foo" }, "Unknown message type: foo"),
  error("a type in capitals", { type: "PING" }, "Unknown message type: PING"),
  error("an empty type", { type: "" }, "Unknown message type: "),
  error("a type that is null", { type: null }, "Unknown message type: null"),
  error("a type that is a number", { type: 7 }, "Unknown message type: 7"),
  error("a type that is an object", { type: { ping: 1 } }, 'Unknown message type: {"ping":1}'),
  error("a type that is a list", { type: ["ping"] }, 'Unknown message type: ["ping"]'),
  error("a type of a thousand letters", { type: "x".repeat(1_000) }, `Unknown message type: ${"x".repeat(100)}`),
  error("a type named like an inherited member", { type: "constructor" }, "Unknown message type: constructor"),
  error("a type named __proto__", { type: "__proto__" }, "Unknown message type: __proto__"),
  error("a type by inheritance", '{"__proto__":{"type":"ping"}}', "Unknown message type: undefined"),
  error("a message of the gateway", { type: "sessions", payload: {} }, "Unknown message type: sessions"),
  error("a message of JSON-RPC", { jsonrpc: "2.0", id: 1, method: "ping" }, "Unknown message type: undefined"),
  answer("a repeated field, of which the last counts", '{"type":"foo","type":"unsubscribe"}', [
    "unsubscribed",
    { channels: [] },
  ]),
]

const array = "channels must be an array"

const subscriptions = [
  error("subscribe to nothing", { type: "subscribe" }, array),
  error("subscribe to null", { type: "subscribe", channels: null }, array),
  error("subscribe to a text", { type: "subscribe", channels: "sessions" }, array),
  error("subscribe to an object", { type: "subscribe", channels: { 0: "sessions", length: 1 } }, array),
  answer("subscribe to an empty list", { type: "subscribe", channels: [] }, ["subscribed", { channels: [] }]),
  answer(
    "subscribe to unknown channels",
    { type: "subscribe", channels: ["weather", null, 1, {}, ["logs"], "__proto__", "weather"] },
    ["subscribed", { channels: [], unknown: ["weather", "null", "1", "{}", '["logs"]', "__proto__"] }],
  ),
  answer(
    "subscribe to a thousand channels",
    { type: "subscribe", channels: Array.from({ length: 1_000 }, (_, i) => `c${i}`) },
    ["subscribed", { channels: [], unknown: Array.from({ length: 16 }, (_, i) => `c${i}`) }],
  ),
  answer("subscribe from an invalid position", { type: "subscribe", channels: [], after: { epoch: 1, seq: "x" } }, [
    "subscribed",
    { channels: [] },
  ]),
  answer("unsubscribe from a text", { type: "unsubscribe", channels: "logs" }, ["unsubscribed", { channels: [] }]),
  answer("unsubscribe before subscribing", { type: "unsubscribe", channels: ["logs", 1] }, [
    "unsubscribed",
    { channels: [] },
  ]),
]

const request = (fields: object) => ({ type: "request", ...fields })
const history = (fields: object) => request({ resource: "session_history", ...fields })

const requests = [
  error("request nothing", request({}), "Unknown resource: undefined"),
  error("request an unknown resource", request({ resource: "weather" }), "Unknown resource: weather"),
  error("request an inherited member", request({ resource: "toString" }), "Unknown resource: toString"),
  error("request a method of the contract", request({ resource: "agents.list" }), "Unknown resource: agents.list"),
  error("request a write", request({ resource: "write_file" }), "Unknown resource: write_file"),
  error("request null", request({ resource: null }), "Unknown resource: null"),
  error("history of nothing", history({}), "sessionKey must be a string"),
  error("history of a number", history({ sessionKey: 1 }), "sessionKey must be a string"),
  error("history of a missing session", history({ sessionKey: "no" }), "Failed to get session history"),
  error("history of an empty key", history({ sessionKey: "" }), "Failed to get session history"),
  error("history of a key too long", history({ sessionKey: "x".repeat(300) }), "Failed to get session history"),
  error("history of a key with a line break", history({ sessionKey: "a\nb" }), "Failed to get session history"),
  error("a file of no date", request({ resource: "file" }), "date must be a string"),
  error("a file outside the folder", request({ resource: "file", date: "../token" }), "Invalid date"),
]

const write = (fields: object) => ({ type: "write_file", ...fields })
const create = (fields: object) => ({ type: "create_file", ...fields })

const files = [
  refused("write without a date", write({ content: "x" }), null, "date must be a string"),
  refused("write to a number", write({ date: 1, content: "x" }), null, "date must be a string"),
  refused("write without content", write({ date: "2026-01-01" }), "2026-01-01", "content must be a string"),
  refused("write null", write({ date: "2026-01-01", content: null }), "2026-01-01", "content must be a string"),
  refused("write out of the folder", write({ date: "../../etc/x", content: "x" }), "../../etc/x", "Invalid date"),
  refused("write to a hidden file", write({ date: ".x", content: "x" }), ".x", "Invalid date"),
  refused(
    "write more than the limit of a document",
    write({ date: "2026-01-01", content: "x".repeat(1_048_577) }),
    "2026-01-01",
    "content is longer than 1048576 characters",
  ),
  refused("create without a date", create({}), null, "date must be a string"),
  refused("create out of the folder", create({ date: "a/b" }), "a/b", "Invalid date"),
  refused(
    "create from a number",
    create({ date: "2026-01-01", template: 5 }),
    "2026-01-01",
    "template must be a string",
  ),
]

const rows = [...json, ...envelope, ...subscriptions, ...requests, ...files]

layer(Gateway.layer(), { excludeTestServices: true })("MissionControl, malformed messages", (it) => {
  for (const { answers, message, name } of rows) {
    it.effect(`The client gets the listed answers (${name}).`, () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        client.send(message)
        const received = yield* client.take(answers.length)
        expect(received.map(({ payload, type }) => [type, payload])).toEqual(answers)
        // No other message follows, and the next call succeeds.
        expect(yield* client.settled).toEqual([])
      }),
    )
  }

  describe("frames that end the connection", () => {
    /** Returns a WebSocket frame of a client, with at most 255 bytes of payload. */
    const frame = (opcode: number, payload: Buffer, first = 0x80) => {
      const mask = Buffer.from([1, 2, 3, 4])
      const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, 0, payload.length]
      const masked = payload.map((byte, i) => byte ^ mask[i % 4]!)
      return Buffer.concat([Buffer.from([first | opcode, ...length]), mask, masked])
    }
    /** Bytes that the test writes to the socket of the client. */
    const ends: ReadonlyArray<readonly [string, Buffer, number, string]> = [
      ["invalid UTF-8", frame(1, Buffer.from([0x22, 0xff, 0xfe, 0x22])), 1007, "text must be UTF-8"],
      ["half of a character", frame(1, Buffer.from([0x22, 0xe2, 0x82, 0x22])), 1007, "text must be UTF-8"],
      ["a surrogate in UTF-8", frame(1, Buffer.from([0xed, 0xa0, 0x80])), 1007, "text must be UTF-8"],
      ["a binary frame", frame(2, Buffer.from('{"type":"ping"}')), 1003, "frames must be text"],
      ["a frame that is not masked", Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002, "not a WebSocket frame"],
      ["an unknown kind of frame", frame(3, Buffer.from("{}")), 1002, "not a WebSocket frame"],
      ["a continuation of nothing", frame(0, Buffer.from("{}")), 1002, "not a WebSocket frame"],
      ["a frame with reserved bits", frame(1, Buffer.from("{}"), 0xf0), 1002, "not a WebSocket frame"],
      ["a long ping", frame(9, Buffer.alloc(126)), 1002, "not a WebSocket frame"],
    ]
    for (const [name, bytes, code, reason] of ends) {
      it.effect(`The gateway closes the connection (${name}).`, () =>
        Effect.gen(function* () {
          const client = yield* MissionClient.open()
          client.socket.sendBytes(bytes)
          expect(yield* client.closed).toEqual({ code, reason })
        }),
      )
    }

    it.effect("A frame above the size limit closes the connection.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        client.send(JSON.stringify({ type: "write_file", date: "2026-01-01", content: "x".repeat(29_360_128) }))
        expect(yield* client.closed).toEqual({ code: 1009, reason: "frame too big" })
      }),
    )

    it.effect("A large frame of an unauthenticated client closes the connection.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open({ token: null })
        client.send(JSON.stringify({ type: "authenticate", token: "x".repeat(70_000) }))
        expect(yield* client.closed).toEqual({ code: 1009, reason: "frame too big" })
      }),
    )
  })
})
