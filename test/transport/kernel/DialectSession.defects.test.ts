/** DialectSession: a bug of a dialect affects one frame, call or event, and no other call or connection. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Runs } from "../../../src/services/runs/Runs.ts"
import * as Gateway from "../../../src/Gateway.ts"
import type { Dialect } from "../../../src/transport/dialect/Dialect.ts"
import { contractMethods, dialectMethod } from "../../../src/transport/dialect/DialectMethod.ts"
import { DialectServer } from "../../../src/transport/kernel/DialectServer.ts"
import { call } from "../../../src/transport/dialect/Query.ts"
import { ContractCalls } from "../../../src/transport/kernel/ContractCalls.ts"
import { lines } from "../../support/LinesDialect.ts"
import { connect } from "../../support/TestSocket.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const boom = (): never => {
  throw new Error("a bug of this dialect")
}

type Line = typeof lines extends Dialect<infer R, string> ? R : never

let beats = 0

const buggy: Dialect<Line, string> = {
  ...lines,
  name: "buggy",
  keepAlive: { everyMs: 50, frames: () => (++beats === 1 ? boom() : [{ policy: "must", text: "0 beat null" }]) },
  methods: new Map([
    ...contractMethods,
    ["throws", dialectMethod(Schema.Struct({}), boom)],
    ["throws-later", dialectMethod(Schema.Struct({}), () => Effect.flatMap(call("ping", {}), boom))],
  ]),
  converse: (facts) => {
    const conversation = lines.converse(facts)
    return {
      ...conversation,
      read: (frame, principal) => (frame === "0 boom null" ? boom() : conversation.read(frame, principal)),
      success: (ref, method, value) => (method === "health" ? boom() : conversation.success(ref, method, value)),
      failure: (ref, method, fault) => (method === "fatal" ? boom() : conversation.failure(ref, method, fault)),
      item: (ref, method, value) => (method === "chat.stream" ? boom() : conversation.item(ref, method, value)),
    }
  },
  event: (key, item, json, epoch) =>
    item._tag === "Event" && item.event._tag === "SessionOpened" ? boom() : lines.event(key, item, json, epoch),
}

const wire = DialectServer.mount("/buggy", buggy).pipe(
  Layer.provide(DialectServer.layer),
  Layer.provide(ContractCalls.layer),
)

const open = Effect.flatMap(TestGateway.TestGateway, ({ token, wsUrl }) => connect(`${wsUrl}/buggy?token=${token}`))

describe("DialectSession with a dialect that throws", () => {
  const gateway = TestGateway.layer({ routes: Layer.mergeAll(Gateway.parts.routes, wire), logLevel: "fatal" })
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("A client gets an error for a frame whose decoding throws, and its next frame is decoded.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send("0 boom null", "1 ping {}")
        expect(yield* socket.next).toMatch(/^0 Unreadable/)
        expect(yield* socket.next).toMatch(/^1 ok/)
      }),
    )

    it.effect("A client gets an internal error if encoding the reply throws, and its next call succeeds.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send("1 health {}", "2 ping {}")
        const answers = [yield* socket.next, yield* socket.next].map((answer) => answer.split(" ", 2).join(" "))
        expect(answers.toSorted()).toEqual(["1 Internal", "2 ok"])
      }),
    )

    it.effect("A client gets an internal error if a method of the dialect throws.", () =>
      Effect.gen(function* () {
        for (const method of ["throws", "throws-later"]) {
          const socket = yield* open
          socket.send(`1 ${method} {}`)
          expect(yield* socket.next).toMatch(/^1 Internal/)
          socket.send("1 ping {}")
          expect(yield* socket.next).toMatch(/^1 ok/)
        }
      }),
    )

    it.effect("A stream ends with one internal error if encoding an item throws.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send('1 chat.stream {"text":"/slow 200 hello","sessionKey":"stream"}')
        expect(yield* socket.next).toMatch(/^1 Internal/)
        socket.send('2 runs.wait {"runId":"nobody"}', "1 ping {}")
        expect([yield* socket.next, yield* socket.next].map((frame) => frame[0]).toSorted()).toEqual(["1", "2"])
        expect(socket.rest).toEqual([])
      }),
    )

    it.effect("A connection is closed with a reason if encoding the internal error throws.", () =>
      Effect.gen(function* () {
        const [socket, other] = [yield* open, yield* open]
        socket.send("1 fatal {}")
        expect(yield* socket.closed).toEqual({ code: 1011, reason: "internal error" })
        other.send("1 ping {}")
        expect(yield* other.next).toMatch(/^1 ok/)
      }),
    )

    it.effect("Every subscriber gets the next event after one whose encoding throws.", () =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const sockets = [yield* open, yield* open]
        for (const socket of sockets) {
          socket.send('1 events.subscribe {"topics":["sessions","chat"],"sessionKey":"defects"}')
          yield* socket.find((frame) => (frame.includes("CaughtUp") ? frame : undefined))
        }
        yield* runs.inject({ sessionKey: "defects", text: "hello", role: "user" })
        for (const socket of sockets) {
          const next = yield* socket.find((frame) => (frame.startsWith("0 beat") ? undefined : frame))
          expect(next).toContain("MessageAdded")
        }
      }),
    )

    it.effect("Subscribers get the next keep-alive after one whose encoding throws.", () =>
      Effect.gen(function* () {
        const socket = yield* open
        socket.send('1 events.subscribe {"topics":["memory"]}')
        yield* socket.find((frame) => (frame.startsWith("0 beat") ? true : undefined))
        expect(beats).toBeGreaterThan(1)
      }),
    )
  })
})
