/**
 * What an RPC client gets for what it should not have said: the table is the test. After each answer the connection
 * serves as before, unless the answer is its end.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

interface Row {
  readonly name: string
  readonly say: ReadonlyArray<string | Buffer>
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

/** Nothing to answer by name: said to the whole connection, which goes on. */
const complaint = (name: string, say: string, problem: string): Row => ({
  name,
  say: [say],
  answers: [defect(problem)],
})

const notJson = "the frame is not JSON"
const notObject = "a message must be an object"
const noTag = "a message's _tag must be Request, Ack, Interrupt, Ping or Eof"
const badId = "a request's id must be a number that JSON keeps, or a text of 256 characters at most"
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

const frames = [
  complaint("no text", "", notJson),
  complaint("white space", " \n\t", notJson),
  complaint("no JSON", "hello", notJson),
  complaint("half of a message", '{"_tag":"Ping"', notJson),
  complaint("two messages", '{"_tag":"Ping"}{"_tag":"Ping"}', notJson),
  complaint("NaN", '{"_tag":"Ping","x":NaN}', notJson),
  complaint("a byte order mark before no JSON", "\uFEFFhello", notJson),
  complaint("two byte order marks", '\uFEFF\uFEFF{"_tag":"Ping"}', notJson),
  { name: "a byte order mark before a ping", say: ['\uFEFF{"_tag":"Ping"}'], answers: [{ _tag: "Pong" }] },
  complaint("null", "null", notObject),
  complaint("a number", "42", notObject),
  complaint("a text", '"Ping"', notObject),
  complaint("true", "true", notObject),
  complaint("a list in a list", '[[{"_tag":"Ping"}]]', notObject),
  complaint("deeper than can be", nested(65), "the frame nests deeper than 64"),
  complaint("much deeper than can be", nested(30_000), "the frame nests deeper than 64"),
  complaint("depth within a message", `{"_tag":"Ping","x":${nested(64)}}`, "the frame nests deeper than 64"),
  complaint(
    "more messages than can be in a frame",
    `[${'{"_tag":"Ping"},'.repeat(1_024)}{"_tag":"Ping"}]`,
    "the frame has more than 1024 messages",
  ),
  { name: "an empty list", say: ["[]"], answers: [] },
]

const messages = [
  complaint("nothing", "{}", noTag),
  complaint("a tag that is none", '{"_tag":"Hello"}', noTag),
  complaint("a tag of the server's", '{"_tag":"Exit","requestId":1}', noTag),
  complaint("a tag that is no text", '{"_tag":1}', noTag),
  complaint("a tag in the prototype", '{"__proto__":{"_tag":"Ping"}}', noTag),
  complaint("a tag of every object", '{"_tag":"constructor"}', noTag),
  complaint("a request without an id", '{"_tag":"Request","tag":"ping","payload":{}}', badId),
  complaint("an id that is null", request(null, "ping"), badId),
  complaint("an id that is an object", request({}, "ping"), badId),
  complaint("an id that is more than a number can be", request(1, "ping").replace('"id":1', '"id":1e400'), badId),
  complaint("an id that no number keeps", request(1, "ping").replace('"id":1', '"id":9007199254740993'), badId),
  complaint("an id that is too long", request("x".repeat(257), "ping"), badId),
  complaint("an Ack of nothing", '{"_tag":"Ack"}', "Ack must name the request by requestId"),
  complaint(
    "an Interrupt of a list",
    '{"_tag":"Interrupt","requestId":[]}',
    "Interrupt must name the request by requestId",
  ),
  { name: "an Ack of no request", say: ['{"_tag":"Ack","requestId":"none"}'], answers: [] },
  { name: "an Interrupt of no request", say: ['{"_tag":"Interrupt","requestId":"none"}'], answers: [] },
  {
    name: "bad and good messages in one frame",
    say: [`[1,${request(1, "ping")},{"_tag":"Hello"}]`],
    answers: [defect(notObject), pinged(1), defect(noTag)],
  },
]

const noMethod = "a request's tag must be the name of a method, 256 characters at most"

const requests: ReadonlyArray<Row> = [
  { name: "no method", say: ['{"_tag":"Request","id":1,"payload":{}}'], answers: [die(1, noMethod)] },
  { name: "a method that is no text", say: [request(1, 42)], answers: [die(1, noMethod)] },
  { name: "an unknown method", say: [request(1, "pong")], answers: [die(1, "Unknown request tag: pong")] },
  {
    name: "a method in the prototype",
    say: [request(1, "__proto__")],
    answers: [die(1, "Unknown request tag: __proto__")],
  },
  {
    name: "a method of every object",
    say: [request(1, "toString")],
    answers: [die(1, "Unknown request tag: toString")],
  },
  {
    name: "an unknown method with the longest name that is allowed",
    say: [request(1, "x".repeat(256))],
    answers: [die(1, `Unknown request tag: ${"x".repeat(256)}`)],
  },
  { name: "a method with a longer name", say: [request(1, "x".repeat(257))], answers: [die(1, noMethod)] },
  {
    name: "headers that are no list",
    say: [request(1, "ping", {}, { headers: { authorization: "Bearer" } })],
    answers: [die(1, "a request's headers must be pairs of texts")],
  },
  {
    name: "headers that are no pairs",
    say: [request(1, "ping", {}, { headers: [["a", 1]] })],
    answers: [die(1, "a request's headers must be pairs of texts")],
  },
  {
    name: "no parameters",
    say: ['{"_tag":"Request","id":1,"tag":"ping"}'],
    answers: [die(1, "Expected object | array")],
  },
  { name: "parameters that are null", say: [request(1, "ping", null)], answers: [die(1, "Expected object | array")] },
  {
    name: "a parameter that is missing",
    say: [request(1, "runs.wait")],
    answers: [die(1, 'Missing key\n  at ["runId"]')],
  },
  {
    name: "a parameter of another kind",
    say: [request(1, "runs.wait", { runId: 42 })],
    answers: [die(1, expect.stringContaining('at ["runId"]'))],
  },
  {
    name: "a bug in the handler, of which nothing is told",
    say: [request(1, "sessions.list")],
    answers: [die(1, "internal error")],
  },
  {
    name: "a call that fails, as it fails",
    say: [request(1, "runs.wait", { runId: "r1", timeoutMs: 0 })],
    answers: [fail(1, { _tag: "RunNotFound", runId: "r1" })],
  },
  {
    name: "an id that is in flight, without harm to the call that has it",
    say: [request(1, "runs.wait", { runId: "same" }), request(1, "ping"), '{"_tag":"Interrupt","requestId":1}'],
    answers: [
      defect("request 1 is in flight"),
      {
        _tag: "Exit",
        requestId: 1,
        exit: { _tag: "Failure", cause: [{ _tag: "Interrupt", fiberId: expect.anything() }] },
      },
    ],
  },
  {
    name: "an id again, once it is answered",
    say: [request(1, "ping"), request(1, "ping")],
    answers: [pinged(1), pinged(1)],
  },
  {
    name: "the number 1 and the text 1, which are two ids",
    say: [request(1, "ping"), request("1", "ping")],
    answers: [pinged(1), pinged("1")],
  },
  {
    name: "a call that wants no answer, which is answered",
    say: [request(1, "ping", {}, { isNotification: true })],
    answers: [pinged(1)],
  },
  {
    name: "a call that wants no value, which is answered when it is done",
    say: [request(1, "ping", {}, { discard: true })],
    answers: [pinged(1)],
  },
  {
    name: "spans that are none",
    say: [request(1, "ping", {}, { traceId: 1, spanId: {}, sampled: "yes" })],
    answers: [pinged(1)],
  },
]

/** The end of the connection, with the reason. */
interface End {
  readonly name: string
  readonly say: ReadonlyArray<string | Buffer>
  readonly closed: TestSocket.Closed
}

const ends: ReadonlyArray<End> = [
  { name: "bytes", say: [Buffer.from(request(1, "ping"))], closed: { code: 1003, reason: "frames must be text" } },
  { name: "the end of what it has to say", say: ['{"_tag":"Eof"}'], closed: { code: 1000, reason: "done" } },
  { name: "more than a frame may hold", say: ["x".repeat(100_001)], closed: { code: 1009, reason: "frame too big" } },
]

/** Frames that ws would not send: masked with zeros, as RFC 6455 5.3 does not forbid. */
const raw = (opcode: number, payload: Buffer, reserved = 0) =>
  Buffer.concat([Buffer.from([0x80 | reserved | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload])

const bytes: ReadonlyArray<{ readonly name: string; readonly say: Buffer; readonly closed: TestSocket.Closed }> = [
  {
    name: "text that is not UTF-8",
    say: raw(1, Buffer.from([0x22, 0xff, 0x22])),
    closed: { code: 1007, reason: "text must be UTF-8" },
  },
  {
    name: "half of a character",
    say: raw(1, Buffer.from([0xe2, 0x82])),
    closed: { code: 1007, reason: "text must be UTF-8" },
  },
  {
    name: "a frame that is not masked",
    say: Buffer.from([0x81, 0x02, 0x7b, 0x7d]),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
  {
    name: "an opcode that is none",
    say: raw(3, Buffer.alloc(0)),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
  {
    name: "compression that was not agreed on",
    say: raw(1, Buffer.from("{}"), 0x40),
    closed: { code: 1002, reason: "not a WebSocket frame" },
  },
]

const limits = { frameBytes: 100_000, preAuthFrameBytes: 1_000 }

const connect = Effect.gen(function* () {
  const { authority } = yield* ListeningAddress
  return yield* TestSocket.connect(`ws://${authority}/rpc?token=${TOKEN}`)
})

/** Answered after everything that was said before. */
const isServed = Effect.fnUntraced(function* (socket: TestSocket.TestSocket) {
  socket.send(request("after", "ping"))
  const heard: Array<unknown> = []
  while (true) {
    const message = JSON.parse(yield* socket.next)
    if (message.requestId === "after") {
      expect(message).toEqual(pinged("after"))
      return heard
    }
    heard.push(message)
  }
})

describe("an RPC client", () => {
  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect.each([...frames, ...messages, ...requests])("that says $name", ({ answers, say }) =>
      Effect.gen(function* () {
        const socket = yield* connect
        socket.send(...say)
        expect(yield* isServed(socket)).toEqual(answers)
      }),
    )

    it.effect.each(ends)("that says $name is closed", ({ closed, say }) =>
      Effect.gen(function* () {
        const bystander = yield* connect
        const socket = yield* connect
        socket.send(...say)
        expect(yield* socket.closed).toEqual(closed)
        expect(yield* isServed(bystander)).toEqual([])
      }),
    )

    it.effect.each(bytes)("that sends $name is closed", ({ closed, say }) =>
      Effect.gen(function* () {
        const bystander = yield* connect
        const socket = yield* connect
        socket.sendBytes(say)
        expect(yield* socket.closed).toEqual(closed)
        expect(yield* isServed(bystander)).toEqual([])
      }),
    )
  })
})
