import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AddressInfo } from "node:net"
import { connect } from "node:net"
import { WebSocketServer } from "ws"
import { GatewaySocket } from "../../../src/transport/connection/GatewaySocket.ts"
import { tick, until } from "../../support/Ticks.ts"

const FRAMES = 1_000
const AT_ONCE = 10

/** A client's text frame with an empty mask (RFC 6455 5.2). */
const frame = (text: string): Buffer => Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text)])

const CLOSE = Buffer.from([0x88, 0x80, 0, 0, 0, 0])

/** A socket of the server whose receiver pauses it after each `AT_ONCE` frames, and the client's end. */
const makePair = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ host: "127.0.0.1", port: 0, WebSocket: GatewaySocket })),
    (server) => Effect.sync(() => server.close()),
  )
  yield* until(() => server.address() !== null)
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => connect((server.address() as AddressInfo).port, "127.0.0.1")),
    (client) => Effect.sync(() => client.destroy()),
  )
  client.resume()
  const received: Array<string> = []
  const state = { isClosed: false }
  let socket: GatewaySocket | undefined
  server.on("connection", (accepted) => {
    socket = accepted
    accepted.raiseFrameLimit(1_000)
    accepted.receiver = {
      onHeader: () => true,
      onFrame: (data) => {
        if (received.push(data.toString()) % AT_ONCE === 0) accepted.pause()
      },
      onPing: () => {},
      onPong: () => {},
      onError: () => {},
      onClose: () => {
        state.isClosed = true
      },
    }
  })
  client.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  )
  yield* until(() => socket !== undefined)
  return { client, received, socket: socket!, state }
}) satisfies Effect.Effect<unknown, never, Scope.Scope>

const texts = Array.from({ length: FRAMES }, (_, n) => String(n))

describe("A paused socket", () => {
  it.live("It delivers none of the frames that have arrived already, and goes on with them in order.", () =>
    Effect.gen(function* () {
      const { client, received, socket, state } = yield* makePair
      client.write(Buffer.concat([...texts.map(frame), CLOSE]))
      for (let pauses = 1; pauses <= FRAMES / AT_ONCE; pauses++) {
        yield* until(() => received.length >= pauses * AT_ONCE)
        yield* tick
        expect(received).toHaveLength(pauses * AT_ONCE)
        expect(state.isClosed).toBe(false)
        socket.resume()
      }
      expect(received).toEqual(texts)
      yield* until(() => state.isClosed)
    }).pipe(Effect.scoped),
  )

  it.live("It takes a frame that arrives in pieces across pauses.", () =>
    Effect.gen(function* () {
      const { client, received, socket } = yield* makePair
      const bytes = Buffer.concat(texts.slice(0, 3 * AT_ONCE).map(frame))
      for (const byte of bytes) {
        client.write(Buffer.from([byte]))
        yield* tick
        if (socket.isPaused) socket.resume()
      }
      yield* until(() => received.length === 3 * AT_ONCE || (socket.resume(), false))
      expect(received).toEqual(texts.slice(0, 3 * AT_ONCE))
    }).pipe(Effect.scoped),
  )
})
