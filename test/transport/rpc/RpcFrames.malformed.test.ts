/**
 * Malformed and unusual frames on /rpc: tables of frames with their answers or their close. After each answer the
 * connection serves calls as before.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

interface Row {
  readonly name: string
  readonly send: ReadonlyArray<string | Buffer>
  readonly answers: ReadonlyArray<unknown>
}

const request = (id: unknown, tag: unknown, payload: unknown = {}, more: object = {}) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [], ...more })

const die = (requestId: unknown, defect: unknown) => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Failure", cause: [{ _tag: "Die", defect }] },
})

const fail = (requestId: unknown, error: unknown) => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Failure", cause: [{ _tag: "Fail", error }] },
})

const pinged = (requestId: unknown) => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Success", value: { at: expect.any(Number) } },
})

const defect = (text: string) => ({ _tag: "Defect", defect: text })

/** The frame names no request, so the answer names the connection. */
const complaint = (name: string, send: string, problem: string): Row => ({
  name,
  send: [send],
  answers: [defect(problem)],
})

const notJson = "the frame is not JSON"
const notObject = "a message must be an object"
const noTag = "a message's _tag must be Request, Ack, Interrupt, Ping or Eof"
const badId = "a request's id must be a number that JSON keeps, or a text of 256 characters at most"
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

const frames = [
  complaint("an empty frame", "", notJson),
  complaint("white space", " \n\t", notJson),
  complaint("a word", "hello", notJson),
  complaint("half a message", '{"_tag":"Ping"', notJson),
  complaint("two messages without a list", '{"_tag":"Ping"}{"_tag":"Ping"}', notJson),
  complaint("NaN", '{"_tag":"Ping","x":NaN}', notJson),
  complaint("a byte order mark before a word", "\uFEFFhello", notJson),
  complaint("two byte order marks", '\uFEFF\uFEFF{"_tag":"Ping"}', notJson),
  { name: "a byte order mark before a ping", send: ['\uFEFF{"_tag":"Ping"}'], answers: [{ _tag: "Pong" }] },
  complaint("null", "null", notObject),
  complaint("a number", "42", notObject),
  complaint("a text", '"Ping"', notObject),
  complaint("true", "true", notObject),
  complaint("a list in a list", '[[{"_tag":"Ping"}]]', notObject),
  complaint("lists that nest one level too deep", nested(65), "the frame nests deeper than 64"),
  complaint("lists that nest far too deep", nested(30_000), "the frame nests deeper than 64"),
  complaint(
    "a message whose member nests too deep",
    `{"_tag":"Ping","x":${nested(64)}}`,
    "the frame nests deeper than 64",
  ),
  complaint(
    "more messages than a frame may have",
    `[${'{"_tag":"Ping"},'.repeat(1_024)}{"_tag":"Ping"}]`,
    "the frame has more than 1024 messages",
  ),
  { name: "an empty list", send: ["[]"], answers: [] },
]

const messages = [
  complaint("an empty object", "{}", noTag),
  complaint("an unknown tag", '{"_tag":"Hello"}', noTag),
  complaint("a tag of the server", '{"_tag":"Exit","requestId":1}', noTag),
  complaint("a tag that is a number", '{"_tag":1}', noTag),
  complaint("a tag in the prototype", '{"__proto__":{"_tag":"Ping"}}', noTag),
  complaint("a tag that is a property of every object", '{"_tag":"constructor"}', noTag),
  complaint("a request without an id", '{"_tag":"Request","tag":"ping","payload":{}}', badId),
  complaint("an id that is null", request(null, "ping"), badId),
  complaint("an id that is an object", request({}, "ping"), badId),
  complaint("an id beyond the range of numbers", request(1, "ping").replace('"id":1', '"id":1e400'), badId),
  complaint(
    "an integer id that a number cannot keep",
    request(1, "ping").replace('"id":1', '"id":9007199254740993'),
    badId,
  ),
  complaint("an id that is too long", request("x".repeat(257), "ping"), badId),
  complaint("an Ack without an id", '{"_tag":"Ack"}', "Ack must name the request by requestId"),
  complaint(
    "an Interrupt whose id is a list",
    '{"_tag":"Interrupt","requestId":[]}',
    "Interrupt must name the request by requestId",
  ),
  { name: "an Ack of an unknown request", send: ['{"_tag":"Ack","requestId":"none"}'], answers: [] },
  { name: "an Interrupt of an unknown request", send: ['{"_tag":"Interrupt","requestId":"none"}'], answers: [] },
  {
    name: "bad and good messages in one frame",
    send: [`[1,${request(1, "ping")},{"_tag":"Hello"}]`],
    answers: [defect(notObject), pinged(1), defect(noTag)],
  },
]

const noMethod = "a request's tag must be the name of a method, 256 characters at most"

const requests: ReadonlyArray<Row> = [
  { name: "a request without a method", send: ['{"_tag":"Request","id":1,"payload":{}}'], answers: [die(1, noMethod)] },
  { name: "a method that is a number", send: [request(1, 42)], answers: [die(1, noMethod)] },
  { name: "an unknown method", send: [request(1, "pong")], answers: [die(1, "Unknown request tag: pong")] },
  {
    name: "a method in the prototype",
    send: [request(1, "__proto__")],
    answers: [die(1, "Unknown request tag: __proto__")],
  },
  {
    name: "a method that is a property of every object",
    send: [request(1, "toString")],
    answers: [die(1, "Unknown request tag: toString")],
  },
  {
    name: "an unknown method with the longest allowed name",
    send: [request(1, "x".repeat(256))],
    answers: [die(1, `Unknown request tag: ${"x".repeat(256)}`)],
  },
  { name: "a method with a longer name", send: [request(1, "x".repeat(257))], answers: [die(1, noMethod)] },
  {
    name: "headers that are not a list",
    send: [request(1, "ping", {}, { headers: { authorization: "Bearer" } })],
    answers: [die(1, "a request's headers must be pairs of texts")],
  },
  {
    name: "headers that are not pairs of texts",
    send: [request(1, "ping", {}, { headers: [["a", 1]] })],
    answers: [die(1, "a request's headers must be pairs of texts")],
  },
  {
    name: "a request without parameters",
    send: ['{"_tag":"Request","id":1,"tag":"ping"}'],
    answers: [die(1, "Expected object | array")],
  },
  { name: "parameters that are null", send: [request(1, "ping", null)], answers: [die(1, "Expected object | array")] },
  {
    name: "a request without a required parameter",
    send: [request(1, "runs.wait")],
    answers: [die(1, 'Missing key\n  at ["runId"]')],
  },
  {
    name: "a parameter of another type",
    send: [request(1, "runs.wait", { runId: 42 })],
    answers: [die(1, expect.stringContaining('at ["runId"]'))],
  },
  {
    name: "a call that hits a defect, without the defect's message",
    send: [request(1, "sessions.list")],
    answers: [die(1, "internal error")],
  },
  {
    name: "a call that fails with an error of the contract",
    send: [request(1, "runs.wait", { runId: "r1", timeoutMs: 0 })],
    answers: [fail(1, { _tag: "RunNotFound", runId: "r1" })],
  },
  {
    name: "an id that is in flight, without affecting the call that has it",
    send: [request(1, "runs.wait", { runId: "same" }), request(1, "ping"), '{"_tag":"Interrupt","requestId":1}'],
    answers: [
      defect("request 1 is in flight"),
      {
        _tag: "Exit",
        requestId: 1,
        exit: { _tag: "Failure", cause: [{ _tag: "Interrupt", fiberId: 0 }] },
      },
    ],
  },
  {
    name: "an id again after its answer",
    send: [request(1, "ping"), request(1, "ping")],
    answers: [pinged(1), pinged(1)],
  },
  {
    name: "the number 1 and the text 1 as two ids",
    send: [request(1, "ping"), request("1", "ping")],
    answers: [pinged(1), pinged("1")],
  },
  {
    name: "a notification, which it answers all the same",
    send: [request(1, "ping", {}, { isNotification: true })],
    answers: [pinged(1)],
  },
  {
    name: "a call that discards its value, which it answers all the same",
    send: [request(1, "ping", {}, { discard: true })],
    answers: [pinged(1)],
  },
  {
    name: "invalid trace spans",
    send: [request(1, "ping", {}, { traceId: 1, spanId: {}, sampled: "yes" })],
    answers: [pinged(1)],
  },
]

/** Frames that end the connection, with the close. */
interface End {
  readonly name: string
  readonly send: ReadonlyArray<string | Buffer>
  readonly closed: TestSocket.Closed
}

const ends: ReadonlyArray<End> = [
  {
    name: "a binary frame",
    send: [Buffer.from(request(1, "ping"))],
    closed: { code: 1003, reason: "frames must be text" },
  },
  { name: "Eof", send: ['{"_tag":"Eof"}'], closed: { code: 1000, reason: "done" } },
  { name: "a frame above the limit", send: ["x".repeat(100_001)], closed: { code: 1009, reason: "frame too big" } },
]

/** Returns a frame that `ws` would not send. Its mask is zero, which RFC 6455 5.3 allows. */
const raw = (opcode: number, payload: Buffer, reserved = 0) =>
  Buffer.concat([Buffer.from([0x80 | reserved | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload])

const bytes: ReadonlyArray<{ readonly name: string; readonly send: Buffer; readonly closed: TestSocket.Closed }> = [
  {
    name: "text that is not UTF-8",
    send: raw(1, Buffer.from([0x22, 0xff, 0x22])),
    closed: { code: 1007, reason: "text must be UTF-8" },
  },
  {
    name: "half a character",
    send: raw(1, Buffer.from([0xe2, 0x82])),
    closed: { code: 1007, reason: "text must be UTF-8" },
  },
  {
    name: "an unmasked frame",
    send: Buffer.from([0x81, 0x02, 0x7b, 0x7d]),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
  {
    name: "an unknown opcode",
    send: raw(3, Buffer.alloc(0)),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
  {
    name: "a compressed frame without negotiation",
    send: raw(1, Buffer.from("{}"), 0x40),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
]

const limits = { frameBytes: 100_000, preAuthFrameBytes: 1_000 }

const connect = Effect.gen(function* () {
  const { authority } = yield* ListeningAddress
  return yield* TestSocket.connect(`ws://${authority}/rpc?token=${TOKEN}`)
})

/** Sends a ping, and returns the messages that arrive before its answer. */
const isServed = Effect.fnUntraced(function* (socket: TestSocket.TestSocket) {
  socket.send(request("after", "ping"))
  const received: Array<unknown> = []
  while (true) {
    const message = JSON.parse(yield* socket.next)
    if (message.requestId === "after") {
      expect(message).toEqual(pinged("after"))
      return received
    }
    received.push(message)
  }
})

describe("RpcFrames", () => {
  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect.each([...frames, ...messages, ...requests])(
      "The gateway answers $name as listed, and the connection goes on.",
      ({ answers, send }) =>
        Effect.gen(function* () {
          const socket = yield* connect
          socket.send(...send)
          expect(yield* isServed(socket)).toEqual(answers)
        }),
    )

    it.effect.each(ends)("The gateway closes a client after $name, and no other client.", ({ closed, send }) =>
      Effect.gen(function* () {
        const bystander = yield* connect
        const socket = yield* connect
        socket.send(...send)
        expect(yield* socket.closed).toEqual(closed)
        expect(yield* isServed(bystander)).toEqual([])
      }),
    )

    it.effect.each(bytes)("The gateway closes a client after $name, and no other client.", ({ closed, send }) =>
      Effect.gen(function* () {
        const bystander = yield* connect
        const socket = yield* connect
        socket.sendBytes(send)
        expect(yield* socket.closed).toEqual(closed)
        expect(yield* isServed(bystander)).toEqual([])
      }),
    )
  })
})
