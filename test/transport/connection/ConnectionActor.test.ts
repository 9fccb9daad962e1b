/** What a connection costs while its client misbehaves, and that nothing of it is left when it is gone. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { CloseCodes } from "../../../src/transport/connection/CloseCodes.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { ConnectionSupervisor } from "../../../src/transport/connection/ConnectionSupervisor.ts"
import type { FrameHandler } from "../../../src/transport/connection/Wire.ts"
import { WireRegistry } from "../../../src/transport/connection/WireRegistry.ts"
import { Stub, stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const request = (id: number | string, tag: string, payload: unknown = {}) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

/** All that happens. */
const stream = (id: number) => request(id, "chat.stream", { text: "hello" })

/** An answer of so many bytes. */
const answerOf = (id: number | string, bytes: number) => request(id, "memory.read", { id: String(bytes) })

const connect = (path = "/rpc", options: { readonly autoPong?: boolean } = {}) =>
  Effect.flatMap(ListeningAddress, ({ authority }) =>
    TestSocket.connect(`ws://${authority}${path}?token=${TOKEN}`, options),
  )

const next = (socket: TestSocket.TestSocket) => Effect.map(socket.next, (frame): any => JSON.parse(frame))

/** Looks again until it is so. */
const until = (isSo: () => boolean) =>
  Effect.whileLoop({ while: () => !isSo(), body: () => Effect.sleep("1 millis"), step: () => {} })

const isServed = Effect.fnUntraced(function* (socket: TestSocket.TestSocket) {
  socket.send(request("served", "ping"))
  expect(yield* next(socket)).toMatchObject({ requestId: "served", exit: { _tag: "Success" } })
})

describe("a heartbeat", () => {
  layer(stubGateway({ limits: { heartbeatMs: 200 } }), { excludeTestServices: true })((it) => {
    it.effect("closes a client that says nothing and does not answer when asked", () =>
      Effect.gen(function* () {
        const answering = yield* connect()
        const mute = yield* connect("/rpc", { autoPong: false })
        expect(yield* mute.closed).toEqual({ code: 4009, reason: "no sign of life" })
        yield* isServed(answering)
      }),
    )

    it.effect("takes half of a frame for a sign of life", () =>
      Effect.gen(function* () {
        const slow = yield* connect("/rpc", { autoPong: false })
        const mute = yield* connect("/rpc", { autoPong: false })
        // A text of 100 bytes, of which one comes every now and then.
        slow.sendBytes(Buffer.from([0x81, 0x80 | 100, 0, 0, 0, 0]))
        yield* Effect.raceFirst(
          mute.closed,
          Effect.forever(
            Effect.delay(
              Effect.sync(() => slow.sendBytes(Buffer.from("x"))),
              "20 millis",
            ),
          ),
        )
        expect(slow.isOpen).toBe(true)
      }),
    )
  })
})

describe("limits on calls", () => {
  layer(stubGateway({ limits: { callsInFlight: 2, messagesPerSecond: 1_000 } }), { excludeTestServices: true })(
    (it) => {
      it.effect("refuse one more call than may be in flight, until one of them ends", () =>
        Effect.gen(function* () {
          const { waiting } = yield* Stub
          const socket = yield* connect()
          socket.send(
            request(1, "runs.wait", { runId: "a" }),
            request(2, "runs.wait", { runId: "b" }),
            request(3, "ping"),
          )
          const refused = yield* next(socket)
          expect(refused.requestId).toBe(3)
          expect(refused.exit.cause).toEqual([
            { _tag: "Fail", error: { _tag: "RateLimited", limit: "calls-in-flight", retryAfterMs: 100 } },
          ])
          expect(waiting).toEqual(new Set(["a", "b"]))
          socket.send('{"_tag":"Interrupt","requestId":1}')
          expect((yield* next(socket)).requestId).toBe(1)
          expect(waiting).toEqual(new Set(["b"]))
          yield* isServed(socket)
        }),
      )

      it.effect("count a stream as a call, and one that is read slowly as one that costs a chunk", () =>
        Effect.gen(function* () {
          const stub = yield* Stub
          const connections = yield* Connections
          const socket = yield* connect()
          socket.send(stream(1))
          yield* until(() => stub.following > 0)
          for (let i = 0; i < 100; i++) stub.tell({ _tag: "MemoryRemoved", id: "x".repeat(10_000) })
          const chunk = yield* next(socket)
          expect(chunk).toMatchObject({ _tag: "Chunk", requestId: 1 })
          // Nothing more comes before it is acknowledged.
          yield* isServed(socket)
          expect(connections.list().map(({ outboxBytes }) => outboxBytes)).toEqual([0])
          expect(connections.list().map(({ callsInFlight }) => callsInFlight)).toEqual([1])
          socket.send('{"_tag":"Ack","requestId":1}')
          expect(yield* next(socket)).toMatchObject({ _tag: "Chunk", requestId: 1 })
        }),
      )
    },
  )

  layer(stubGateway({ limits: { messagesPerSecond: 5 } }), { excludeTestServices: true })((it) => {
    it.effect("refuse calls that come too fast, and say when to try again", () =>
      Effect.gen(function* () {
        const socket = yield* connect()
        socket.send(`[${Array.from({ length: 7 }, (_, id) => request(id, "ping"))}]`)
        const answers: Array<any> = []
        for (let i = 0; i < 7; i++) answers.push(yield* next(socket))
        const refusals = answers.filter(({ exit }) => exit._tag === "Failure")
        expect(refusals.map(({ requestId }) => requestId)).toEqual([5, 6])
        const { error } = refusals[0].exit.cause[0]
        expect(error).toEqual({ _tag: "RateLimited", limit: "messages-per-second", retryAfterMs: expect.any(Number) })
        expect(error.retryAfterMs).toBeGreaterThan(0)
        expect(error.retryAfterMs).toBeLessThanOrEqual(200)
        yield* Effect.sleep(error.retryAfterMs)
        yield* isServed(socket)
      }),
    )
  })
})

describe("a client that does not read", () => {
  const outboxBytes = 1_000_000
  const answerBytes = 100_000

  layer(stubGateway({ limits: { outboxBytes, heartbeatMs: 200 } }), { excludeTestServices: true })((it) => {
    it.effect("costs its bound, is closed with a position to resume from, and holds up nobody", () =>
      Effect.gen(function* () {
        const stub = yield* Stub
        const connections = yield* Connections
        const bystander = yield* connect()
        const socket = yield* connect()
        socket.send(stream(0))
        yield* until(() => stub.following > 0)
        stub.tell({ _tag: "MemoryRemoved", id: "a" })
        expect(yield* next(socket)).toMatchObject({ values: [{ seq: stub.seq }] })
        const seen = stub.seq
        socket.stopReading()
        let most = 0
        for (let id = 1; connections.size() > 1; id++) {
          socket.send(answerOf(id, answerBytes))
          yield* isServed(bystander)
          most = Math.max(most, ...connections.list().map((connection) => connection.outboxBytes))
        }
        expect(most).toBeGreaterThan(outboxBytes / 2)
        expect(most).toBeLessThan(outboxBytes + 2 * answerBytes)
        socket.goOnReading()
        expect(yield* socket.closed).toEqual({ code: 4008, reason: `too slow: resume from e1:${seen}` })
        // What was called for it is over.
        expect(stub.following).toBe(0)
      }),
    )
  })

  layer(stubGateway({ limits: { outboxBytes: 200_000_000 } }), { excludeTestServices: true })((it) => {
    it.effect("gets a pong before what waited longer, once it reads again", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const socket = yield* connect()
        socket.stopReading()
        const answers = 40
        for (let id = 0; id < answers; id++) socket.send(answerOf(id, 1_000_000))
        yield* until(() => connections.list()[0]!.outboxBytes > 20_000_000)
        yield* until(() => connections.list()[0]!.callsInFlight === 0)
        socket.send('{"_tag":"Ping"}')
        yield* Effect.sleep("20 millis")
        socket.goOnReading()
        const heard: Array<string> = []
        for (let i = 0; i <= answers; i++) heard.push((yield* next(socket))._tag)
        expect(heard.indexOf("Pong")).toBeLessThan(answers - 10)
        expect(heard.filter((tag) => tag === "Exit")).toHaveLength(answers)
      }),
    )
  })
})

describe("a client that asks for much at once", () => {
  layer(stubGateway({ limits: { outboxBytes: 1_000_000 } }), { excludeTestServices: true })((it) => {
    it.effect("and reads is answered, however much more it is than may wait for it", () =>
      Effect.gen(function* () {
        const socket = yield* connect()
        const ids = Array.from({ length: 100 }, (_, id) => id)
        socket.send(...ids.map((id) => answerOf(id, 400_000)))
        for (const id of ids) expect(yield* next(socket)).toMatchObject({ requestId: id, exit: { _tag: "Success" } })
      }),
    )
  })
})

describe("a client that floods", () => {
  layer(stubGateway({ limits: { inboundFrames: 8 } }), { excludeTestServices: true })((it) => {
    it.effect("is held by its own socket: others are served, and each of its calls is answered", () =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const socket = yield* connect()
        const calls = 50_000
        for (let id = 0; id < calls; id++) socket.send(request(id, "ping"))
        for (let i = 0; i < 20; i++) yield* isServed(bystander)
        for (let id = 0; id < calls; id++) expect((yield* next(socket)).requestId).toBe(id)
      }),
    )
  })
})

describe("a client that pings", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("is answered with what its newest ping carries, however many come at once", () =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const socket = yield* connect()
        // Masked with zeros: as they are.
        const ping = (n: number) => Buffer.concat([Buffer.from([0x89, 0x84, 0, 0, 0, 0]), Buffer.from(`${1_000 + n}`)])
        socket.sendBytes(Buffer.concat(Array.from({ length: 1_000 }, (_, n) => ping(n))))
        yield* until(() => socket.pongs.includes("1999"))
        expect(socket.pongs.length).toBeLessThan(100)
        yield* isServed(socket)
        yield* isServed(bystander)
      }),
    )
  })

  layer(stubGateway({ limits: { outboxBytes: 200_000_000 } }), { excludeTestServices: true })((it) => {
    it.effect("and never reads costs one pong", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const socket = yield* connect()
        socket.stopReading()
        // Fills what the kernel holds, so that the pongs have to wait.
        for (let id = 0; id < 20; id++) socket.send(answerOf(id, 1_000_000))
        yield* until(() => connections.list()[0]!.outboxBytes > 1_000_000)
        let before = Number.NaN
        while (before !== connections.list()[0]!.outboxBytes) {
          before = connections.list()[0]!.outboxBytes
          yield* Effect.sleep("50 millis")
        }
        for (let n = 0; n < 1_000; n++) socket.ping("x".repeat(100))
        yield* Effect.sleep("50 millis")
        expect(connections.list()[0]!.outboxBytes - before).toBeLessThan(200)
      }),
    )
  })
})

describe("a stranger", () => {
  layer(stubGateway({ limits: { preAuthFrames: 8 } }), { excludeTestServices: true })((it) => {
    it.effect.each([
      { name: "messages", say: (socket: TestSocket.TestSocket, n: number) => socket.send(request(n, "ping")) },
      { name: "pings", say: (socket: TestSocket.TestSocket) => socket.ping("x") },
    ])("has few $name to say who it is", ({ say }) =>
      Effect.gen(function* () {
        const { authority } = yield* ListeningAddress
        const socket = yield* TestSocket.connect(`ws://${authority}/rpc`)
        for (let n = 0; n < 9; n++) say(socket, n)
        expect(yield* socket.closed).toEqual({
          code: 1008,
          reason: "policy violation: too many frames before authentication",
        })
      }),
    )

    it.effect("that has said who it is may say as much as it likes", () =>
      Effect.gen(function* () {
        const { authority } = yield* ListeningAddress
        const socket = yield* TestSocket.connect(`ws://${authority}/rpc`)
        for (let n = 0; n < 7; n++) socket.send(request(n, "ping"))
        socket.send(request("who", "authenticate", { token: TOKEN }))
        for (let n = 0; n < 8; n++) yield* next(socket)
        for (let n = 0; n < 9; n++) {
          socket.ping("x")
          yield* isServed(socket)
        }
      }),
    )
  })
})

describe("clients whose frames come together", () => {
  const handled: Array<string> = []
  const recording = Layer.effectDiscard(
    Effect.flatMap(WireRegistry, (wires) =>
      wires.mount("/recording", {
        dialect: "recording",
        open: () =>
          Effect.succeed({
            onFrames: (frames) => Effect.sync(() => handled.push(...frames)),
            callsInFlight: () => 0,
            sentSeq: () => undefined,
          }),
      }),
    ),
  )

  layer(stubGateway({}, recording), { excludeTestServices: true })((it) => {
    it.effect("take turns: who sends one is not behind who sends thousands", () =>
      Effect.gen(function* () {
        const flooding = yield* connect("/recording")
        const other = yield* connect("/recording")
        flooding.sendBytes(
          Buffer.concat(Array.from({ length: 8_000 }, () => Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x66]))),
        )
        other.send("other")
        yield* until(() => handled.length === 8_001)
        expect(handled.indexOf("other")).toBeLessThan(4_000)
      }),
    )
  })
})

describe("a client that sends what is not handled", () => {
  const stuck = Layer.effectDiscard(
    Effect.flatMap(WireRegistry, (wires) =>
      wires.mount("/stuck", {
        dialect: "stuck",
        open: () => Effect.succeed({ onFrames: () => Effect.never, callsInFlight: () => 0, sentSeq: () => undefined }),
      }),
    ),
  )

  layer(stubGateway({}, stuck), { excludeTestServices: true })((it) => {
    it.effect.each([
      { name: "many small frames", size: 100, count: 500_000 },
      { name: "few large ones", size: 1_000_000, count: 50 },
    ])("keeps most of it: $name", ({ count, size }) =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const socket = yield* connect("/stuck")
        const frame = "x".repeat(size)
        for (let i = 0; i < count; i++) socket.send(frame)
        let before = Number.NaN
        while (before !== socket.unsent) {
          before = socket.unsent
          for (let i = 0; i < 50; i++) yield* isServed(bystander)
        }
        // What left the client is in the kernel's buffers of both sides, and a bounded rest in the gateway.
        expect(socket.unsent).toBeGreaterThan((count * size) / 2)
      }),
    )
  })
})

describe("clients that vanish", () => {
  layer(stubGateway({ limits: { unauthenticatedPerAddress: 1_000 } }), { excludeTestServices: true })((it) => {
    it.effect("leave nothing behind: 500 of them, with calls and streams in flight", () =>
      Effect.gen(function* () {
        const stub = yield* Stub
        const connections = yield* Connections
        const sockets = yield* ConnectionSupervisor
        const { authority } = yield* ListeningAddress
        const first = yield* connect()
        yield* isServed(first)
        first.cut()
        yield* until(() => sockets.size() === 0)
        const before = stub.fibers
        const clients = yield* Effect.all(
          Array.from({ length: 500 }, (_, i) =>
            TestSocket.connect(`ws://${authority}/rpc${i % 5 === 0 ? "" : `?token=${TOKEN}`}`),
          ),
          { concurrency: 50 },
        )
        clients.forEach((client, i) => {
          if (i % 5 > 0) client.send(request(1, "runs.wait", { runId: `run-${i}` }), stream(2))
        })
        yield* until(() => stub.waiting.size === 400 && stub.following === 400)
        expect(connections.size()).toBe(500)
        for (const client of clients) client.cut()
        yield* until(() => sockets.size() === 0 && stub.waiting.size === 0 && stub.following === 0)
        expect(connections.size()).toBe(0)
        yield* until(() => stub.fibers === before)
        // Those who are told of it are told once it is so.
        yield* until(() => {
          const told = stub.told.findLast((event) => event._tag === "PresenceChanged")
          return told?._tag === "PresenceChanged" && told.presence.length === 0
        })
      }),
    )
  })
})

describe("a connection that ends from this side", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("is told so by the operator who ends it", () =>
      Effect.gen(function* () {
        const operator = yield* connect()
        const socket = yield* connect()
        operator.send(request(1, "connections.list"))
        const { connections } = (yield* next(operator)).exit.value
        const connectionId = connections.at(-1).id
        operator.send(request(2, "connections.close", { connectionId, reason: "it was time" }))
        expect((yield* next(operator)).exit.value).toEqual({ closed: true })
        expect(yield* socket.closed).toEqual({ code: 4000, reason: "closed by an operator: it was time" })
        operator.send(request(3, "connections.close", { connectionId }))
        expect((yield* next(operator)).exit.cause).toEqual([
          { _tag: "Fail", error: { _tag: "ConnectionNotFound", connectionId } },
        ])
      }),
    )

    it.effect("gets what was waiting for it first, then the reason; one that does not answer is cut", () =>
      Effect.gen(function* () {
        const sockets = yield* ConnectionSupervisor
        const [polite, hanging] = [yield* connect(), yield* connect()]
        yield* isServed(polite)
        hanging.stopReading()
        polite.send(answerOf(1, 1_000_000))
        yield* next(polite)
        polite.send(answerOf(2, 1_000))
        yield* sockets.stopAccepting({ reason: "maintenance", drainMs: 0 })
        expect((yield* Effect.flip(connect())).status).toBe(503)
        expect((yield* Stub).told.at(-1)).toEqual({ _tag: "GatewayStopping", reason: "maintenance", drainMs: 0 })
        expect((yield* next(polite)).requestId).toBe(2)
        yield* sockets.closeAll(CloseCodes.restart)
        expect(yield* polite.closed).toEqual({ code: 1012, reason: "the gateway is restarting" })
        yield* until(() => sockets.size() === 0)
      }),
    )
  })
})

describe("a wire with a bug", () => {
  const handler = (onFrames: FrameHandler["onFrames"]): FrameHandler => ({
    onFrames,
    callsInFlight: () => 0,
    sentSeq: () => undefined,
  })
  const mount = (path: string, open: () => Effect.Effect<FrameHandler>) =>
    Layer.effectDiscard(Effect.flatMap(WireRegistry, (wires) => wires.mount(path, { dialect: "broken", open })))
  const bug = () => Effect.die(new Error("a bug of a wire"))
  const broken = Layer.mergeAll(
    mount("/dies", bug),
    mount("/throws", () => {
      throw new Error("a bug of a wire")
    }),
    mount("/dies-later", () => Effect.succeed(handler(bug))),
    mount("/throws-later", () =>
      Effect.succeed(
        handler(() => {
          throw new Error("a bug of a wire")
        }),
      ),
    ),
  )

  layer(stubGateway({}, broken), { excludeTestServices: true })((it) => {
    it.effect.each(["/dies", "/throws", "/dies-later", "/throws-later"])("at %s loses that connection alone", (path) =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const bystander = yield* connect()
        const socket = yield* connect(path)
        if (socket.isOpen) socket.send("hello")
        expect(yield* socket.closed).toEqual({ code: 1011, reason: "internal error" })
        yield* isServed(bystander)
        expect(connections.size()).toBe(1)
      }),
    )
  })
})
