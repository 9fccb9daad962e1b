/** SocketWriter, over real sockets: clients that read at their own pace, and frames that many of them share. */
import { expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { type AddressInfo, connect, type Socket } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import { LoopBatch } from "../../../src/transport/connection/LoopBatch.ts"
import { SocketWriter } from "../../../src/transport/connection/SocketWriter.ts"
import { frameEnd, payloadAt, textFrame } from "../../../src/transport/connection/WebSocketFrames.ts"
import { numberEvents, writeEvent } from "../../../src/transport/openclaw/wire/Frames.ts"
import { randomFrom } from "../../support/Random.ts"
import { tick, until } from "../../support/Ticks.ts"

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/** A client that keeps the bytes after the response to its upgrade. */
class Client {
  readonly #socket: Socket
  readonly #chunks: Array<Buffer> = []
  received = 0

  constructor(socket: Socket, first: Buffer) {
    this.#socket = socket
    this.#take(first.subarray(first.indexOf("\r\n\r\n") + 4))
    socket.on("data", (data: Buffer) => this.#take(data))
  }

  #take(data: Buffer): void {
    this.#chunks.push(data)
    this.received += data.length
  }

  read(reads: boolean): void {
    if (reads) this.#socket.resume()
    else this.#socket.pause()
  }

  close(): void {
    this.#socket.destroy()
  }

  texts(): ReadonlyArray<string> {
    const frames = Buffer.concat(this.#chunks)
    const texts: Array<string> = []
    for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
      texts.push(frames.toString("utf8", payloadAt(frames, at), frameEnd(frames, at)))
    }
    return texts
  }
}

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false })
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close()),
)

/** Returns a client with the writer of its connection. */
const open = (server: WebSocketServer, batch: LoopBatch, isNumbered: boolean) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connected = once(server, "connection")
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
      socket.write(UPGRADE)
      const [first]: Array<Buffer> = await once(socket, "data")
      const [webSocket, request]: [WebSocket, { readonly socket: Socket }] = (await connected) as never
      const stamp = isNumbered ? numberEvents : undefined
      const writer = new SocketWriter(webSocket, request.socket, batch, 1_000_000, stamp)
      return { client: new Client(socket, first!), writer, expected: [] as Array<string>, isNumbered }
    }),
    ({ client }) => Effect.sync(() => client.close()),
  )

const SIZES = [10, 400, 5_000, 10_000, 15_000]

it.live.each([1, 2, 3])(
  "SocketWriter: each client gets its frames once, in order and with its own numbers, however slowly others read (%i).",
  (seed) =>
    Effect.gen(function* () {
      const random = randomFrom(seed)
      const listening = yield* server
      const batch = new LoopBatch(yield* Clock.Clock)
      const opened = yield* Effect.forEach([true, true, true, false, false], (isNumbered) =>
        open(listening, batch, isNumbered),
      )
      // These fill their sockets.
      const stalled = opened.slice(0, 2)
      for (const { client } of stalled) client.read(false)
      for (let step = 0; step < 1_000; step++) {
        const dice = random()
        const size = random() < 0.01 ? 150_000 : SIZES[Math.floor(random() * SIZES.length)]!
        // Large frames fill the sockets of the clients that do not read.
        const events = Array.from({ length: 1 + Math.floor(random() * 2) }, (_, i) =>
          writeEvent("payload", "e", `${step} ${i} ${"x".repeat(size)}`),
        )
        const frames = Buffer.concat(events.map(textFrame))
        for (const { expected, writer } of opened) {
          if (random() < 0.3) continue
          if (dice < 0.2) {
            writer.outbox.must(`${step}`)
            writer.wake()
            expected.push(`${step}`)
          } else {
            if (dice < 0.8) writer.writeShared(frames, events.length, step)
            else {
              writer.outbox.shared(frames, events.length, step)
              writer.wake()
            }
            expected.push(...events)
          }
        }
        if (random() < 0.4) yield* tick
      }
      for (const { writer } of stalled) expect(writer.isBlocked).toBe(true)
      for (const { client, expected, isNumbered, writer } of opened) {
        client.read(true)
        let number = 0
        const numbered = (text: string) => text.replace("         0", () => String(++number).padStart(10))
        const wanted = isNumbered ? expected.map(numbered) : expected
        const bytes = wanted.reduce((sum, text) => sum + textFrame(text).length, 0)
        yield* until(() => client.received >= bytes)
        expect(client.texts()).toEqual(wanted)
        expect(writer.outbox.takenFrames).toBe(expected.length)
        expect(writer.bytes).toBe(0)
      }
    }).pipe(Effect.scoped),
)
