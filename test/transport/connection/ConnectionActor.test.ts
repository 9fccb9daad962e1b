/** ConnectionActor: misbehaving clients have a bounded cost, and connections leave nothing behind. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { CloseCodes } from "../../../src/transport/connection/CloseCodes.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { ConnectionSupervisor } from "../../../src/transport/connection/ConnectionSupervisor.ts"
import type { FrameHandler } from "../../../src/transport/connection/Wire.ts"
import { WireRegistry } from "../../../src/transport/connection/WireRegistry.ts"
import { Stub, stubGateway, TOKEN } from "../../support/StubGateway.ts"
import { until } from "../../support/Ticks.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const request = (id: number | string, tag: string, payload: unknown = {}) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

/** A stream of all events. */
const stream = (id: number) => request(id, "chat.stream", { text: "hello" })

/** A call whose reply has this many bytes. */
const answerOf = (id: number | string, bytes: number) => request(id, "memory.read", { id: String(bytes) })

const connect = (path = "/rpc", options: { readonly autoPong?: boolean } = {}) =>
  Effect.flatMap(ListeningAddress, ({ authority }) =>
    TestSocket.connect(`ws://${authority}${path}?token=${TOKEN}`, options),
  )

const next = (socket: TestSocket.TestSocket) => Effect.map(socket.next, (frame): any => JSON.parse(frame))

const isServed = Effect.fnUntraced(function* (socket: TestSocket.TestSocket) {
  socket.send(request("served", "ping"))
  expect(yield* next(socket)).toMatchObject({ requestId: "served", exit: { _tag: "Success" } })
})

/** Lets three heartbeats pass in steps. The bystander's reply shows that the gateway has read the sockets. */
const passTime = Effect.fnUntraced(function* (bystander: TestSocket.TestSocket, before = () => {}) {
  for (let step = 0; step < 12; step++) {
    before()
    yield* isServed(bystander)
    yield* TestClock.adjust("50 millis")
  }
})

describe("ConnectionActor: heartbeat", () => {
  layer(stubGateway({ limits: { heartbeatMs: 200 } }))((it) => {
    it.effect("The gateway closes a silent client that does not answer pings.", () =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const answering = yield* connect()
        const mute = yield* connect("/rpc", { autoPong: false })
        yield* passTime(bystander)
        expect(yield* mute.closed).toEqual({ code: 4009, reason: "no sign of life" })
        yield* isServed(answering)
      }),
    )

    it.effect("A part of a frame is a sign of life.", () =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const slow = yield* connect("/rpc", { autoPong: false })
        const mute = yield* connect("/rpc", { autoPong: false })
        // A text of 100 bytes, which arrives byte by byte.
        slow.sendBytes(Buffer.from([0x81, 0x80 | 100, 0, 0, 0, 0]))
        yield* passTime(bystander, () => slow.sendBytes(Buffer.from("x")))
        yield* mute.closed
        expect(slow.isOpen).toBe(true)
      }),
    )
  })
})

describe("ConnectionActor: limits on calls", () => {
  layer(stubGateway({ limits: { callsInFlight: 2, messagesPerSecond: 1_000 } }), { excludeTestServices: true })(
    (it) => {
      it.effect("A call above the limit of calls in flight is refused until another call ends.", () =>
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

      it.effect("A stream counts as a call, and costs one chunk while its client does not acknowledge.", () =>
        Effect.gen(function* () {
          const stub = yield* Stub
          const connections = yield* Connections
          const socket = yield* connect()
          socket.send(stream(1))
          yield* until(() => stub.following > 0)
          for (let i = 0; i < 100; i++) stub.publish({ _tag: "MemoryRemoved", id: "x".repeat(10_000) })
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

  layer(stubGateway({ limits: { messagesPerSecond: 5 } }))((it) => {
    it.effect("Calls above the rate are refused with the time until the next one is free.", () =>
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
        yield* TestClock.adjust(error.retryAfterMs)
        yield* isServed(socket)
      }),
    )
  })
})

describe("ConnectionActor: client that does not read", () => {
  const outboxBytes = 1_000_000
  const answerBytes = 100_000

  layer(stubGateway({ limits: { outboxBytes, heartbeatMs: 200 } }), { excludeTestServices: true })((it) => {
    it.effect(
      "A client that does not read is closed with the position to resume from, and delays no other client.",
      () =>
        Effect.gen(function* () {
          const stub = yield* Stub
          const connections = yield* Connections
          const bystander = yield* connect()
          const socket = yield* connect()
          socket.send(stream(0))
          yield* until(() => stub.following > 0)
          stub.publish({ _tag: "MemoryRemoved", id: "a" })
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
    it.effect("A pong overtakes the waiting frames.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const socket = yield* connect()
        const bystander = yield* connect()
        socket.stopReading()
        const answers = 40
        for (let id = 0; id < answers; id++) socket.send(answerOf(id, 1_000_000))
        yield* until(() => connections.list()[0]!.outboxBytes > 20_000_000)
        yield* until(() => connections.list()[0]!.callsInFlight === 0)
        socket.send('{"_tag":"Ping"}')
        yield* isServed(bystander)
        socket.goOnReading()
        const received: Array<string> = []
        for (let i = 0; i <= answers; i++) received.push((yield* next(socket))._tag)
        expect(received.indexOf("Pong")).toBeLessThan(answers - 10)
        expect(received.filter((tag) => tag === "Exit")).toHaveLength(answers)
      }),
    )
  })
})

describe("ConnectionActor: pipelining", () => {
  layer(stubGateway({ limits: { outboxBytes: 1_000_000 } }), { excludeTestServices: true })((it) => {
    it.effect("A client that reads gets all replies, even if they exceed the outbox together.", () =>
      Effect.gen(function* () {
        const socket = yield* connect()
        const ids = Array.from({ length: 100 }, (_, id) => id)
        socket.send(...ids.map((id) => answerOf(id, 400_000)))
        for (const id of ids) expect(yield* next(socket)).toMatchObject({ requestId: id, exit: { _tag: "Success" } })
      }),
    )
  })
})

describe("ConnectionActor: flood", () => {
  layer(stubGateway({ limits: { inboundFrames: 8 } }), { excludeTestServices: true })((it) => {
    it.effect("A flood waits in its own socket: other clients are served, and each call gets its reply.", () =>
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

describe("ConnectionActor: pings", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("Many pings at once get a pong with the payload of the newest.", () =>
      Effect.gen(function* () {
        const bystander = yield* connect()
        const socket = yield* connect()
        // A mask of zeros leaves the payload as it is.
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
    it.effect("A client that pings and never reads costs one pong.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const socket = yield* connect()
        const bystander = yield* connect()
        socket.stopReading()
        // Fills the buffers of the operating system, so that the pongs have to wait.
        for (let id = 0; id < 20; id++) socket.send(answerOf(id, 1_000_000))
        yield* until(() => connections.list()[0]!.outboxBytes > 1_000_000)
        let before = Number.NaN
        while (before !== connections.list()[0]!.outboxBytes) {
          before = connections.list()[0]!.outboxBytes
          for (let i = 0; i < 50; i++) yield* isServed(bystander)
        }
        for (let n = 0; n < 1_000; n++) socket.ping("x".repeat(100))
        for (let i = 0; i < 50; i++) yield* isServed(bystander)
        expect(connections.list()[0]!.outboxBytes - before).toBeLessThan(200)
      }),
    )
  })
})

describe("ConnectionActor: strangers", () => {
  layer(stubGateway({ limits: { preAuthFrames: 8 } }), { excludeTestServices: true })((it) => {
    it.effect.each([
      { name: "messages", send: (socket: TestSocket.TestSocket, n: number) => socket.send(request(n, "ping")) },
      { name: "pings", send: (socket: TestSocket.TestSocket) => socket.ping("x") },
    ])("A stranger that sends too many $name is closed.", ({ send }) =>
      Effect.gen(function* () {
        const { authority } = yield* ListeningAddress
        const socket = yield* TestSocket.connect(`ws://${authority}/rpc`)
        for (let n = 0; n < 9; n++) send(socket, n)
        expect(yield* socket.closed).toEqual({
          code: 1008,
          reason: "policy violation: too many frames before authentication",
        })
      }),
    )

    it.effect("A client that has authenticated has no limit for strangers.", () =>
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

describe("ConnectionActor: fairness", () => {
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
    it.effect("A client that sends one frame does not wait for all frames of a client that sends thousands.", () =>
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

describe("ConnectionActor: frames behind a close", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("The frames behind one that ends the connection are not handled.", () =>
      Effect.gen(function* () {
        const stub = yield* Stub
        const connections = yield* Connections
        const socket = yield* connect()
        const handled = yield* Effect.forkChild(stub.until(() => stub.waiting.has("behind")))
        socket.send('{"_tag":"Eof"}', request(1, "runs.wait", { runId: "behind" }))
        expect((yield* socket.closed).code).toBe(1000)
        yield* until(() => connections.size() === 0)
        expect(handled.pollUnsafe()).toBeUndefined()
      }),
    )
  })
})

describe("ConnectionActor: frames that wait", () => {
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
    ])("A wire that does not handle frames leaves most of them with the client: $name.", ({ count, size }) =>
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
        // The bytes that left the client are in the operating system, and a bounded rest in the gateway.
        expect(socket.unsent).toBeGreaterThan((count * size) / 2)
      }),
    )
  })
})

describe("ConnectionActor: clients that vanish", () => {
  layer(stubGateway({ limits: { unauthenticatedPerAddress: 1_000 } }), { excludeTestServices: true })((it) => {
    it.effect("500 clients that vanish with calls and streams in flight leave nothing behind.", () =>
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
        // The event of the last change says that no client is present.
        yield* until(() => {
          const last = stub.published.findLast((event) => event._tag === "PresenceChanged")
          return last?._tag === "PresenceChanged" && last.presence.length === 0
        })
      }),
    )
  })
})

describe("ConnectionActor: close", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("A connection that an operator closes gets the operator's reason.", () =>
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

    it.effect("Closing all connections flushes their outboxes first and cuts a client that does not answer.", () =>
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
        const stopping = { _tag: "GatewayStopping", reason: "maintenance", drainMs: 0 }
        expect((yield* Stub).published).toContainEqual(stopping)
        expect((yield* next(polite)).requestId).toBe(2)
        yield* sockets.closeAll(CloseCodes.restart)
        expect(yield* polite.closed).toEqual({ code: 1012, reason: "the gateway is restarting" })
        yield* until(() => sockets.size() === 0)
      }),
    )
  })
})

describe("ConnectionActor: wire with a bug", () => {
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
    it.effect.each(["/dies", "/throws", "/dies-later", "/throws-later"])(
      "A bug of the wire at %s closes that connection only.",
      (path) =>
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
