/** JsonRpc: the exact responses to malformed frames. Each row of the tables is a test. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Topic } from "../../../src/domain/Event.ts"
import { connect, type TestSocket } from "../../support/TestSocket.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const error = (id: unknown, code: number, message: string, data?: unknown) => ({
  jsonrpc: "2.0",
  id,
  error: { code, message, ...(data !== undefined && { data }) },
})

const notJson = error(null, -32700, "Parse error")
const invalid = (issue: string, id: unknown = null) =>
  error(id, -32600, "Invalid Request", { _tag: "InvalidRequest", issue })
const unknown = (method: string, id: unknown = 1) =>
  error(id, -32601, `Unknown: ${method}`, { _tag: "UnknownMethod", method })
const params = (issue: string, id: unknown = 1) => error(id, -32602, "Invalid params", { _tag: "InvalidParams", issue })
const failed = (message: string, data: unknown, id: unknown = 1) => error(id, -32000, message, data)
const result = (value: unknown, id: unknown = 1) => ({ jsonrpc: "2.0", id, result: value })

const BAD_ID = "id must be a number that JSON keeps, or a text of 256 characters at most"
const topics = Topic.literals.map((topic) => `"${topic}"`).join(" | ")
const BY_NAME = "parameters go by name, in an object"

/** Returns the text of a request with the members. */
const request = (members: string) => `{"jsonrpc":"2.0",${members}}`
const call = (method: string, json = "{}") => request(`"id":1,"method":"${method}","params":${json}`)
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)

type Row = readonly [name: string, frame: string, ...answers: ReadonlyArray<unknown>]

const bytes: ReadonlyArray<Row> = [
  ["nothing", "", notJson],
  ["a space", " ", notJson],
  ["a NUL", "\u0000", notJson],
  ["no JSON", "hello", notJson],
  ["a word cut off", "nul", notJson],
  ["an object cut off", '{"jsonrpc":"2.0","id":1,"method":"ping"', notJson],
  ["an array cut off", `[${request('"id":1,"method":"ping"')}`, notJson],
  ["single quotes", "{'jsonrpc':'2.0','id':1,'method':'ping'}", notJson],
  ["a comma too many", request('"id":1,"method":"ping",'), notJson],
  ["a comment", request('"id":1,/* */"method":"ping"'), notJson],
  ["two documents", call("ping") + call("ping"), notJson],
  ["a byte order mark before a request", `\uFEFF${call("no")}`, unknown("no")],
  ["a byte order mark within", call("\uFEFFno"), unknown("\uFEFFno")],
  ["two byte order marks", `\uFEFF\uFEFF${call("no")}`, notJson],
  ["a byte order mark alone", "\uFEFF", notJson],
  ["a word that is not a number", request('"id":NaN,"method":"ping"'), notJson],
  ["a line break in a text", request('"id":1,"method":"pi\nng"'), notJson],
  ["64 levels", request(`"id":1,"method":"no","params":{"a":${nested(62)}}`), unknown("no")],
  ["65 levels", request(`"id":1,"method":"no","params":{"a":${nested(63)}}`), invalid("the JSON is nested too deep")],
  ["65 levels, cut off", "[".repeat(200), invalid("the JSON is nested too deep")],
]

const envelopes: ReadonlyArray<Row> = [
  ["null", "null", invalid("a request must be an object")],
  ["true", "true", invalid("a request must be an object")],
  ["a number", "42", invalid("a request must be an object")],
  ["a text", '"ping"', invalid("a request must be an object")],
  ["an empty object", "{}", invalid('jsonrpc must be "2.0"')],
  ["no version", '{"id":1,"method":"ping"}', invalid('jsonrpc must be "2.0"', 1)],
  ["version 1.0", '{"jsonrpc":"1.0","id":1,"method":"ping"}', invalid('jsonrpc must be "2.0"', 1)],
  ["the version as a number", '{"jsonrpc":2.0,"id":1,"method":"ping"}', invalid('jsonrpc must be "2.0"', 1)],
  ["a wrong version without an id", '{"jsonrpc":"1.0","method":"ping"}', invalid('jsonrpc must be "2.0"')],
  ["no method", request('"id":"a"'), invalid("method must be a text", "a")],
  ["a number as method", request('"id":1,"method":1,"params":"bar"'), invalid("method must be a text", 1)],
  ["null as method", request('"id":1,"method":null'), invalid("method must be a text", 1)],
  ["an answer", request('"id":1,"result":7')],
  ["an answer that is null", request('"id":1,"result":null')],
  ["an error", request('"id":null,"error":{"code":-32600,"message":"Invalid Request"}')],
  ["an answer of version 1.0", '{"id":1,"result":7,"error":null}'],
  ["an object as id", request('"id":{},"method":"ping"'), invalid(BAD_ID)],
  ["an array as id", request('"id":[1],"method":"ping"'), invalid(BAD_ID)],
  ["a boolean as id", request('"id":true,"method":"ping"'), invalid(BAD_ID)],
  ["an id beyond 2^53", request('"id":9007199254740993,"method":"ping"'), invalid(BAD_ID)],
  ["an id beyond all numbers", request('"id":1e400,"method":"ping"'), invalid(BAD_ID)],
  ["an id of 257 characters", request(`"id":"${"x".repeat(257)}","method":"ping"`), invalid(BAD_ID)],
  ["an id of 256 characters", request(`"id":"${"x".repeat(256)}","method":"no"`), unknown("no", "x".repeat(256))],
  ["null as id", request('"id":null,"method":"no"'), unknown("no", null)],
  ["an empty id", request('"id":"","method":"no"'), unknown("no", "")],
  ["a fraction as id", request('"id":1.5,"method":"no"'), unknown("no", 1.5)],
  ["a negative id", request('"id":-7,"method":"no"'), unknown("no", -7)],
  ["half a character as id", request('"id":"\\ud800","method":"no"'), unknown("no", "\uFFFD")],
  ["the id of a prototype", request('"id":"__proto__","method":"no"'), unknown("no", "__proto__")],
  ["an id in the prototype", request('"__proto__":{"id":1},"method":"no"')],
  ["a key twice: the last counts", '{"jsonrpc":"1.0","jsonrpc":"2.0","id":1,"method":"no"}', unknown("no")],
  ["members of no meaning", request('"id":1,"method":"no","token":"x","constructor":1'), unknown("no")],
  [
    "params as a text",
    request('"id":1,"method":"ping","params":"x"'),
    invalid("params must be an object or an array", 1),
  ],
  [
    "params as a number",
    request('"id":1,"method":"ping","params":0'),
    invalid("params must be an object or an array", 1),
  ],
  ["params as null", request('"id":1,"method":"sessions.get","params":null'), params('Missing key\n  at ["key"]')],
  ["params as a text, in a notification", request('"method":"ping","params":"x"')],
]

const methods: ReadonlyArray<Row> = [
  ["no such method", call("no"), unknown("no")],
  ["an empty name", call(""), unknown("")],
  ["a name of every object", call("constructor"), unknown("constructor")],
  ["the name of a prototype", call("__proto__"), unknown("__proto__")],
  ["no such method, by position", call("no", "[1,2]"), unknown("no")],
  ["no such method, with null", call("no", "null"), unknown("no")],
  ["no such method, with a text", call("no", '"x"'), unknown("no")],
  ["a name that is reserved", call("rpc.other"), unknown("rpc.other")],
  ["a prefix twice", call("gateway.gateway.ping"), unknown("gateway.gateway.ping")],
  ["another case", call("PING"), unknown("PING")],
  ["an unknown notification", request('"method":"no"')],
  ["a notification that is wrong", request('"method":"sessions.get","params":{}')],
  ["a notification with parameters by position", request('"method":"ping","params":[1]')],
]

const parameters: ReadonlyArray<Row> = [
  [
    "by position: the one that is required",
    call("sessions.get", '["a"]'),
    failed("Session not found", { _tag: "SessionNotFound", sessionKey: "a" }),
  ],
  ["by position: one of another type", call("sessions.get", "[1]"), params('Expected string\n  at ["key"]')],
  [
    "by position: more than one",
    call("sessions.get", '["a","b"]'),
    params("only key may go by position, the others by name in an object"),
  ],
  ["by position: of a method that needs two", call("agents.register", '["a"]'), params(BY_NAME)],
  ["by position: of a method that needs none", call("sessions.list", '["a"]'), params(BY_NAME)],
  [
    "by position: the text of send",
    call("send", '[""]'),
    failed("text is required", { _tag: "TextRequired", message: "text is required" }),
  ],
  ["by position: a subscription", call("events.unsubscribe", '["s9"]'), result({ unsubscribed: false })],
  ["none, by position", call("events.unsubscribe", "[]"), params('Missing key\n  at ["subscription"]')],
  ["missing", call("sessions.get"), params('Missing key\n  at ["key"]')],
  ["null", call("sessions.get", '{"key":null}'), params('Expected string\n  at ["key"]')],
  ["of another type", call("sessions.get", '{"key":{}}'), params('Expected string\n  at ["key"]')],
  ["empty", call("sessions.get", '{"key":""}'), params('Expected a value with a length of at least 1\n  at ["key"]')],
  [
    "too long",
    call("sessions.get", `{"key":"${"x".repeat(2_049)}"}`),
    params('Expected a value with a length of at most 2048\n  at ["key"]'),
  ],
  ["in the prototype", call("sessions.get", '{"__proto__":{"key":"a"}}'), params('Missing key\n  at ["key"]')],
  ["of every object", call("sessions.get", '{"constructor":"a","toString":"a"}'), params('Missing key\n  at ["key"]')],
  [
    "of nobody's",
    call("sessions.get", '{"key":"a"}'),
    failed("Session not found", { _tag: "SessionNotFound", sessionKey: "a" }),
  ],
  ["send: none", call("send"), failed("text is required", { _tag: "TextRequired", message: "text is required" })],
  [
    "send: an empty text",
    call("send", '{"text":""}'),
    failed("text is required", { _tag: "TextRequired", message: "text is required" }),
  ],
  [
    "send: null",
    call("send", '{"text":null}'),
    failed("text is required", { _tag: "TextRequired", message: "text is required" }),
  ],
  ["send: a number", call("send", '{"text":1}'), params('Expected string | null\n  at ["text"]')],
  [
    "send: to nobody",
    call("send", '{"text":"a","agent_id":"nobody"}'),
    failed("Agent not found", { _tag: "AgentNotFound", agentId: "nobody" }),
  ],
  ["bindings.set: no agent", call("bindings.set"), params('Missing key\n  at ["agent_id"]')],
  [
    "bindings.set: a tier too far",
    call("bindings.set", '{"agent_id":"main","tier":6}'),
    params('Expected 1 | 2 | 3 | 4 | 5\n  at ["tier"]'),
  ],
  [
    "bindings.set: nobody's key",
    call("bindings.set", '{"agent_id":"main","match_key":"color"}'),
    params('Expected "peer_id" | "guild_id" | "account_id" | "channel" | "default"\n  at ["match_key"]'),
  ],
  [
    "bindings.set: a tier of another key",
    call("bindings.set", '{"agent_id":"main","tier":1,"match_key":"channel"}'),
    failed("Binding unreachable", { _tag: "BindingUnreachable", tier: 1, matchKey: "channel" }),
  ],
  [
    "bindings.remove: what was never set",
    call("bindings.remove", '{"agent_id":"main","match_key":"channel","match_value":"x"}'),
    result({ ok: false }),
  ],
  ["agents.register: no name", call("agents.register", '{"id":"x"}'), params('Missing key\n  at ["name"]')],
  [
    "events.subscribe: no such topic",
    call("events.subscribe", '{"topics":["weather"]}'),
    params(`Expected ${topics}\n  at ["topics"][0]`),
  ],
  [
    "events.subscribe: an invalid position",
    call("events.subscribe", '{"from":{"epoch":"e","seq":-1}}'),
    params('Expected a value greater than or equal to 0\n  at ["from"]["seq"]'),
  ],
  [
    "events.unsubscribe: what there is not",
    call("events.unsubscribe", '{"subscription":"s9"}'),
    result({ unsubscribed: false }),
  ],
  ["$/cancelRequest: nothing", call("$/cancelRequest"), params("id must be the id of a call")],
  ["$/cancelRequest: as a notification", request('"method":"$/cancelRequest","params":{"id":99}')],
  ["$/cancel: by position", call("$/cancel", "[99]"), result(null)],
  ["$/cancel: nothing", call("$/cancel"), params("id must be the id of a call")],
  ["$/cancel: an object", call("$/cancel", '{"id":{}}'), params("id must be the id of a call")],
  ["$/cancel: what is not in flight", call("$/cancel", '{"id":99}'), result(null)],
  [
    "authenticate: again, and wrong",
    call("authenticate", '{"token":"wrong"}'),
    error(1, -32001, "Unauthenticated", expect.objectContaining({ _tag: "Unauthenticated", reason: "invalid" })),
  ],
]

const batches: ReadonlyArray<Row> = [
  ["an empty one", "[]", invalid("a batch must hold a request")],
  ["an entry that is not a request", "[1]", [invalid("a request must be an object")]],
  ["three entries that are not requests", "[1,2,3]", [1, 2, 3].map(() => invalid("a request must be an object"))],
  ["a batch in a batch", "[[]]", [invalid("a request must be an object")]],
  ["notifications only", `[${request('"method":"ping"')},${request('"method":"no"')}]`],
  ["more than 100", JSON.stringify(Array.from({ length: 101 }, () => 1)), invalid("a batch may hold 100 requests")],
  [
    "all kinds, in their order",
    `[${call("no")},1,${request('"method":"ping"')},${call("sessions.get")},${request('"id":"b","method":"$/cancel","params":{"id":4}')}]`,
    [unknown("no"), invalid("a request must be an object"), params('Missing key\n  at ["key"]'), result(null, "b")],
  ],
  ["responses only", `[${request('"id":1,"result":7')},${request('"id":2,"error":{}')}]`],
  ["a response among requests", `[${request('"id":9,"result":7')},${call("no")}]`, [unknown("no")]],
  ["the same id twice", `[${call("no")},${call("nor")}]`, [unknown("no"), unknown("nor")]],
]

const SENTINEL = request('"id":"sentinel","method":"$/cancel","params":{"id":0}')

/** Sends the frame and a sentinel. Returns at least `count` answers, and all answers before that of the sentinel. */
const answersTo = (socket: TestSocket, frame: string, count: number) => {
  const answers: Array<unknown> = []
  let isSeen = false
  socket.send(frame, SENTINEL)
  return socket.find((text) => {
    const answer: { readonly id: unknown } = JSON.parse(text)
    if (answer.id === "sentinel") isSeen = true
    else answers.push(answer)
    return isSeen && answers.length >= count ? answers : undefined
  })
}

const table = { bytes, envelopes, methods, parameters, batches }

describe("JsonRpc, malformed frames", () => {
  const gateway = TestGateway.layer({ limits: { authFailureDelayMs: 1 } })
  it.layer(gateway, { excludeTestServices: true })((it) => {
    for (const [kind, rows] of Object.entries(table)) {
      for (const [name, frame, ...expected] of rows) {
        it.effect(`The gateway answers a malformed frame as listed (${kind}: ${name}).`, () =>
          Effect.gen(function* () {
            const { token, wsUrl } = yield* TestGateway.TestGateway
            const socket = yield* connect(`${wsUrl}/jsonrpc?token=${token}`)
            expect(yield* answersTo(socket, frame, expected.length)).toEqual(expected)
          }),
        )
      }
    }

    it.effect("Binary frames and invalid UTF-8 close the connection with a reason.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        const open = connect(`${wsUrl}/jsonrpc?token=${token}`)
        const [binary, broken] = [yield* open, yield* open]
        binary.send(Buffer.from(SENTINEL))
        expect(yield* binary.closed).toEqual({ code: 1003, reason: "frames must be text" })
        broken.sendText(Buffer.from([0x22, 0xc3, 0x28, 0x22]))
        expect(yield* broken.closed).toEqual({ code: 1007, reason: "text must be UTF-8" })
      }),
    )

    it.effect("Every call before the authentication fails as unauthenticated, also in a batch.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        const socket = yield* connect(`${wsUrl}/jsonrpc`)
        const denied = (reason: string, id: unknown = 1) =>
          error(id, -32001, "Unauthenticated", expect.objectContaining({ _tag: "Unauthenticated", reason }))
        expect(yield* answersTo(socket, call("ping"), 1)).toEqual([denied("missing")])
        expect(yield* answersTo(socket, call("no"), 1)).toEqual([denied("missing")])
        expect(yield* answersTo(socket, "{", 1)).toEqual([notJson])
        expect(yield* answersTo(socket, call("authenticate"), 1)).toEqual([denied("missing")])
        expect(yield* answersTo(socket, call("authenticate", '{"token":1}'), 1)).toEqual([denied("missing")])
        expect(yield* answersTo(socket, call("authenticate", '{"token":"wrong"}'), 1)).toEqual([denied("invalid")])
        const batch = `[${call("ping")},${request(`"id":2,"method":"authenticate","params":{"token":"${token}"}`)},${call("no")}]`
        expect(yield* answersTo(socket, batch, 1)).toEqual([
          [denied("missing"), expect.objectContaining({ id: 2, result: expect.anything() }), unknown("no")],
        ])
      }),
    )
  })
})
