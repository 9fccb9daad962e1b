/** Sniffing: the first frame of a client selects one of the two wires of a path. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { isJsonRpc } from "../../../src/transport/json-rpc/Envelope.ts"
import { connect } from "../../support/TestSocket.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const open = Effect.flatMap(TestGateway.TestGateway, ({ token, wsUrl }) => connect(`${wsUrl}/ws?token=${token}`))

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
const STATUS = '{"type":"request","resource":"status"}'

const typeOf = (frame: string): unknown => JSON.parse(frame).type

describe("Sniffing", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A client that begins with JSON-RPC gets JSON-RPC and no greeting.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send(PING)
        expect(JSON.parse(yield* socket.next)).toMatchObject({ jsonrpc: "2.0", id: 1 })
        socket.send(`[${PING}]`, STATUS)
        expect(JSON.parse(yield* socket.next)).toMatchObject([{ id: 1 }])
        expect(JSON.parse(yield* socket.next)).toMatchObject({ error: { code: -32600 } })
      }),
    )

    it.effect("A batch and an invalid envelope also select JSON-RPC.", () =>
      Effect.gen(function* () {
        const batch = yield* open
        batch.send(`[1,${PING}]`)
        expect(JSON.parse(yield* batch.next)).toMatchObject([{ error: { code: -32600 } }, { id: 1 }])
        const wrong = yield* open
        wrong.send('{"jsonrpc":"1.0","id":1}')
        expect(JSON.parse(yield* wrong.next)).toMatchObject({ error: { code: -32600 } })
      }),
    )

    it.effect("Any other first frame gets the greeting and then its answer.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send(STATUS)
        expect(typeOf(yield* socket.next)).toBe("connected")
        expect(typeOf(yield* socket.next)).toBe("status")
        socket.send(PING)
        expect(typeOf(yield* socket.next)).toBe("error")
      }),
    )

    it.effect("A client that sends nothing gets one greeting.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        expect(typeOf(yield* socket.next)).toBe("connected")
        socket.send(STATUS)
        expect(typeOf(yield* socket.next)).toBe("status")
      }),
    )

    it.effect("A client may begin with JSON-RPC after the greeting.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        expect(typeOf(yield* socket.next)).toBe("connected")
        socket.send(PING)
        expect(JSON.parse(yield* socket.next)).toMatchObject({ id: 1, result: {} })
        socket.send('{"jsonrpc":"2.0","id":2,"method":"events.subscribe"}')
        expect(JSON.parse(yield* socket.next)).toMatchObject({ id: 2, result: { subscription: "s1" } })
      }),
    )

    it.effect("The list of connections shows the selected dialect.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const [rpc, channels, silent] = [yield* open, yield* open, yield* open]
        rpc.send(PING)
        channels.send(STATUS)
        yield* rpc.next
        yield* channels.next
        const dialects = connections.list().map(({ dialect }) => dialect)
        expect(dialects.toSorted()).toEqual(["json-rpc", "mission-control", "undecided"])
        expect(connections.presence().map(({ dialect }) => dialect)).toEqual(dialects)
        expect(silent.isOpen).toBe(true)
      }),
    )
  })

  it.layer(TestGateway.layer({ path: "/gateway/socket" }), { excludeTestServices: true })((it) => {
    it.effect("The configuration sets the path, and the explicit paths stay.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        for (const path of ["/gateway/socket", "/jsonrpc"]) {
          const socket = yield* connect(`${wsUrl}${path}?token=${token}`)
          socket.send(PING)
          expect(JSON.parse(yield* socket.next)).toMatchObject({ id: 1 })
        }
        const channels = yield* connect(`${wsUrl}/ws/mission-control?token=${token}`)
        expect(typeOf(yield* channels.next)).toBe("connected")
        // OpenClaw serves every other path. Its first frame is a challenge.
        const elsewhere = yield* connect(`${wsUrl}/ws?token=${token}`)
        expect(typeOf(yield* elsewhere.next)).toBe("event")
      }),
    )
  })
})

describe("isJsonRpc", () => {
  it("A text is JSON-RPC if it has the member `jsonrpc`, valid or not.", () => {
    expect(['{"jsonrpc":1}', '[{"jsonrpc":"2.0"}]', '[1,{"jsonrpc":null}]'].map(isJsonRpc)).toEqual([true, true, true])
    const others = ["", "{", "null", '"jsonrpc"', '["jsonrpc"]', '{"type":"jsonrpc"}', '{"a":{"jsonrpc":"2.0"}}', "[]"]
    expect(others.filter(isJsonRpc)).toEqual([])
  })
})
