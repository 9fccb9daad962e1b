/** What the log says of OpenClaw clients that are turned away: the address, and one reason each. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Logs } from "../../../../src/services/logs/Logs.ts"
import * as OpenClaw from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as TestSocket from "../../../support/TestSocket.ts"

const limits = { handshakeTimeoutMs: 300, authFailureDelayMs: 0 }
const gateway = TestGateway.layer({ logLevel: "warn", limits, trustedProxies: ["127.0.0.1"] })

/** Each client has an address of its own, so that its lines are found. */
const at = (address: string) => ({ headers: { "x-forwarded-for": address } })

/** What the log says of the address once the connection has ended. */
const linesOf = Effect.fnUntraced(function* (address: string, socket: TestSocket.TestSocket) {
  yield* socket.closed
  const { tail } = yield* Logs
  const lines = () => tail({ limit: 1_000, level: "warn" }).entries.map(({ message }) => message)
  const mine = Effect.sync(() => lines().filter((line) => line.includes(address)))
  return yield* Effect.repeat(mine, { until: (found) => found.length > 0 })
})

layer(gateway, { excludeTestServices: true })("the log", (it) => {
  it.effect.each([
    { name: "speaks another protocol", more: { minProtocol: 9, maxProtocol: 9 }, reason: "protocol mismatch" },
    { name: "has no credential", more: { auth: {} }, reason: "device identity required" },
    { name: "has a role that there is not", more: { role: "guest" }, reason: "invalid role" },
    {
      name: "sends control characters",
      more: { client: { "\u001b[31m": 1 } },
      reason: expect.stringMatching(/^invalid connect params: [ -~]*$/),
    },
  ])("has one line for a client that $name", ({ more, name, reason }) =>
    Effect.gen(function* () {
      const address = `198.51.100.${name.length}`
      const client = yield* OpenClaw.open("/", at(address))
      yield* client.connect(yield* OpenClaw.connectParams(more))
      const lines = yield* linesOf(address, client.socket)
      expect(lines.map((line) => line.replace(`refused ${address}: `, ""))).toEqual([reason])
    }),
  )

  it.effect("has one line for a device that waits for approval, with the request", () =>
    Effect.gen(function* () {
      const address = "203.0.113.1"
      const { answer, client } = yield* OpenClaw.enterAs(new OpenClaw.TestDevice(), {}, at(address))
      const requestId = String(answer.error?.details.requestId)
      expect(yield* linesOf(address, client.socket)).toEqual([
        `refused ${address}: pairing required: device is not approved yet (requestId: ${requestId})`,
      ])
    }),
  )

  it.effect("has one line for a client that never says who it is", () =>
    Effect.gen(function* () {
      const address = "203.0.113.2"
      const client = yield* OpenClaw.open("/", at(address))
      expect(yield* linesOf(address, client.socket)).toEqual([`refused ${address}: handshake timeout`])
    }),
  )

  it.effect("has one line for a wrong token", () =>
    Effect.gen(function* () {
      const address = "203.0.113.3"
      const client = yield* OpenClaw.open("/", at(address))
      yield* client.connect(yield* OpenClaw.connectParams({ auth: { token: "wrong" } }))
      expect(yield* linesOf(address, client.socket)).toHaveLength(1)
    }),
  )

  it.effect("has one line for a client that is told to authenticate and leaves", () =>
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
