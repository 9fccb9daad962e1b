/** HandshakeErrors: the log has the address and the reason of each failed handshake. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Logs } from "../../../../src/services/logs/Logs.ts"
import * as OpenClaw from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as TestSocket from "../../../support/TestSocket.ts"

const limits = { handshakeTimeoutMs: 300, authFailureDelayMs: 0 }
const gateway = TestGateway.layer({ logLevel: "warn", limits, trustedProxies: ["127.0.0.1"] })

/** Each client has an address of its own, by which the tests find its lines. */
const at = (address: string) => ({ headers: { "x-forwarded-for": address } })

/** Returns the lines of the address after its connection has ended. */
const linesOf = Effect.fnUntraced(function* (address: string, socket: TestSocket.TestSocket) {
  yield* socket.closed
  const { tail } = yield* Logs
  const lines = () => tail({ limit: 1_000, level: "warn" }).entries.map(({ message }) => message)
  const mine = Effect.sync(() => lines().filter((line) => line.includes(address)))
  return yield* Effect.repeat(mine, { until: (found) => found.length > 0 })
})

layer(gateway, { excludeTestServices: true })("The log of failed handshakes", (it) => {
  it.effect.each([
    { name: "speaks another protocol", more: { minProtocol: 9, maxProtocol: 9 }, reason: "protocol mismatch" },
    { name: "has no credential", more: { auth: {} }, reason: "device identity required" },
    { name: "has an unknown role", more: { role: "guest" }, reason: "invalid role" },
    {
      name: "sends control characters",
      more: { client: { "\u001b[31m": 1 } },
      reason: expect.stringMatching(/^invalid connect params: [ -~]*$/),
    },
  ])("A client that $name has one line in the log.", ({ more, name, reason }) =>
    Effect.gen(function* () {
      const address = `198.51.100.${name.length}`
      const client = yield* OpenClaw.open("/", at(address))
      yield* client.connect(yield* OpenClaw.connectParams(more))
      const lines = yield* linesOf(address, client.socket)
      expect(lines.map((line) => line.replace(`refused ${address}: `, ""))).toEqual([reason])
    }),
  )

  it.effect("The log has one line for a device that waits for approval, with its request.", () =>
    Effect.gen(function* () {
      const address = "203.0.113.1"
      const { answer, client } = yield* OpenClaw.enterAs(new OpenClaw.TestDevice(), {}, at(address))
      const requestId = String(answer.error?.details.requestId)
      expect(yield* linesOf(address, client.socket)).toEqual([
        `refused ${address}: pairing required: device is not approved yet (requestId: ${requestId})`,
      ])
    }),
  )

  it.effect("The log has one line for a client that sends no `connect`.", () =>
    Effect.gen(function* () {
      const address = "203.0.113.2"
      const client = yield* OpenClaw.open("/", at(address))
      expect(yield* linesOf(address, client.socket)).toEqual([`refused ${address}: handshake timeout`])
    }),
  )

  it.effect("The log has one line for a wrong token.", () =>
    Effect.gen(function* () {
      const address = "203.0.113.3"
      const client = yield* OpenClaw.open("/", at(address))
      yield* client.connect(yield* OpenClaw.connectParams({ auth: { token: "wrong" } }))
      expect(yield* linesOf(address, client.socket)).toHaveLength(1)
    }),
  )

  it.effect("The log has one line for a client that leaves instead of authenticating.", () =>
    Effect.gen(function* () {
      const address = "203.0.113.4"
      const { wsUrl } = yield* TestGateway.TestGateway
      const socket = yield* TestSocket.connect(`${wsUrl}/jsonrpc`, at(address))
      socket.send('{"jsonrpc":"2.0","id":1,"method":"status"}')
      yield* socket.next
      socket.cut()
      expect(yield* linesOf(address, socket)).toEqual([`refused ${address}: left without a valid credential`])
    }),
  )
})
