/** Conformance of limits: a client that exceeds a limit learns which one, and other clients are not affected. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { localPrincipal } from "../../src/domain/Principal.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { tick } from "../support/Ticks.ts"
import { open, openUnauthenticated, speaksContract } from "./Client.ts"
import type { Driver } from "./Driver.ts"

const limits = { preAuthFrameBytes: 2_000, frameBytes: 20_000, messagesPerSecond: 50 }

export const limited = (driver: Driver): void => {
  describe(`${driver.name}: limits`, () => {
    it.layer(TestGateway.layer({ ...driver.gateway, limits }), { excludeTestServices: true })((it) => {
      it.effect("A client that has not authenticated is closed with 1009 after a frame above the smaller limit.", () =>
        Effect.gen(function* () {
          const client = yield* openUnauthenticated(driver)
          client.socket.send("x".repeat(2_001))
          expect(yield* client.socket.closed).toEqual({ code: 1009, reason: "frame too big" })
        }),
      )

      it.effect("An authenticated client is closed with 1009 after a frame above the larger limit.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          expect(yield* client.ask((id) => driver.unknown(id).padEnd(2_001))).toMatchObject({ fault: "unknown-method" })
          client.socket.send("x".repeat(20_001))
          expect(yield* client.socket.closed).toEqual({ code: 1009, reason: "frame too big" })
        }),
      )

      if (driver.acceptsBinary === true) {
        it.effect("A binary frame is read as text.", () =>
          Effect.gen(function* () {
            const client = yield* open(driver)
            const id = client.nextId()
            client.socket.send(Buffer.from(driver.ping(id)))
            expect(yield* client.replyTo(id)).toMatchObject({ _tag: "Answer" })
          }),
        )
      } else {
        it.effect("A client is closed with 1003 after a binary frame.", () =>
          Effect.gen(function* () {
            const client = yield* open(driver)
            client.socket.send(Buffer.from(driver.ping(1)))
            expect(yield* client.socket.closed).toEqual({ code: 1003, reason: "frames must be text" })
          }),
        )
      }

      it.effect("Calls above the rate get a fault, and the gateway serves the client again later.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const ids = Array.from({ length: 60 }, () => client.nextId())
          client.socket.send(...ids.map((id) => driver.ping(id)))
          let answers = 0
          let refusals = 0
          yield* client.find((received) => {
            if (received._tag === "Answer") answers++
            if (received._tag === "Fault" && received.fault === "rate-limited") refusals++
            return answers + refusals === ids.length ? true : undefined
          })
          expect(refusals).toBeGreaterThan(0)
          // A handshake takes a token, too.
          expect(answers).toBeGreaterThanOrEqual(driver.handshake === undefined ? 50 : 49)
          yield* Effect.repeat(client.ask(driver.ping), { until: ({ _tag }) => _tag === "Answer" })
        }),
      )
    })

    it.layer(TestGateway.layer({ ...driver.gateway, limits }), { excludeTestServices: true })((it) => {
      it.effect("A client that sends malformed frames above the rate is closed with 1008.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          client.socket.send(...Array.from({ length: 200 }, () => driver.malformed))
          expect(yield* client.socket.closed).toEqual({ code: 1008, reason: "policy violation: too many messages" })
        }),
      )
    })

    if (!speaksContract(driver)) return
    const { call, cancel } = driver.contract
    const smallOutbox = TestGateway.layer({ ...driver.gateway, limits: { outboxBytes: 262_144 } })
    it.layer(smallOutbox, { excludeTestServices: true })((it) => {
      it.effect("A client that pipelines calls and reads the answers gets more bytes than its outbox holds.", () =>
        Effect.gen(function* () {
          const runs = yield* Runs
          for (let i = 0; i < 10; i++) {
            yield* runs.inject({ sessionKey: "long", text: "x".repeat(200_000), role: "user" })
          }
          const client = yield* open(driver)
          const ids = Array.from({ length: 20 }, () => client.nextId())
          client.socket.send(...ids.map((id) => call(id, "sessions.history", { key: "long", limit: 200 })))
          for (const id of ids) expect(yield* client.replyTo(id)).toMatchObject({ _tag: "Answer" })
        }),
      )
    })

    it.layer(smallOutbox, { excludeTestServices: true })((it) => {
      it.effect("A client whose calls end at the same time gets all answers, though they exceed its outbox.", () =>
        Effect.gen(function* () {
          const runs = yield* Runs
          const client = yield* open(driver)
          const send = { text: `/slow 2000 ${"x".repeat(200_000)}`, sessionKey: "late" }
          const { runId } = yield* runs.accept(send, localPrincipal)
          // Together more than the buffers of the kernel hold.
          const ids = Array.from({ length: 60 }, () => client.nextId())
          client.socket.send(...ids.map((id) => call(id, "runs.wait", { runId, timeoutMs: 30_000 })))
          yield* client.ask((id) => call(id, "ping", {}))
          client.socket.stopReading()
          yield* runs.wait(runId, 30_000)
          for (let ticks = 0; ticks < 300; ticks++) yield* tick
          client.socket.goOnReading()
          for (const id of ids) expect(yield* client.replyTo(id)).toMatchObject({ _tag: "Answer" })
        }),
      )
    })

    const fewCalls = TestGateway.layer({ ...driver.gateway, limits: { callsInFlight: 8 } })
    it.layer(fewCalls, { excludeTestServices: true })((it) => {
      it.effect("The gateway refuses one call too many in flight, and accepts the next after one has ended.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const ids = Array.from({ length: 8 }, () => client.nextId())
          client.socket.send(
            ...ids.map((id) => call(id, "chat.stream", { text: "/slow 60000 a b", sessionKey: `flight-${id}` })),
          )
          expect(yield* client.ask((id) => call(id, "ping", {}))).toMatchObject({ fault: "rate-limited" })
          client.socket.send(cancel(ids[0]!))
          yield* client.replyTo(ids[0]!)
          expect(yield* client.ask((id) => call(id, "ping", {}))).toMatchObject({ _tag: "Answer" })
        }),
      )
    })
  })
}
