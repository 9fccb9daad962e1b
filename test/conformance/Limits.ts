/** Limits: a client that goes beyond one is told which, and nobody else notices. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { open, openUnknown, speaksContract } from "./Talk.ts"

const limits = { preAuthFrameBytes: 2_000, frameBytes: 20_000, messagesPerSecond: 50 }

export const limited = (driver: Driver): void => {
  describe(`${driver.name}: limits`, () => {
    it.layer(TestGateway.layer({ ...driver.gateway, limits }), { excludeTestServices: true })((it) => {
      it.effect("closes with 1009 and a reason after a frame that is too big, smaller for a stranger", () =>
        Effect.gen(function* () {
          const stranger = yield* openUnknown(driver)
          stranger.socket.send("x".repeat(2_001))
          expect(yield* stranger.socket.closed).toEqual({ code: 1009, reason: "frame too big" })
          const known = yield* open(driver)
          known.socket.send("x".repeat(2_001))
          yield* known.find((said) => (said._tag === "Fault" ? said : undefined))
          known.socket.send("x".repeat(20_001))
          expect(yield* known.socket.closed).toEqual({ code: 1009, reason: "frame too big" })
        }),
      )

      it.effect("closes with 1003 after bytes", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          talk.socket.send(Buffer.from(driver.ping(1)))
          expect(yield* talk.socket.closed).toEqual({ code: 1003, reason: "frames must be text" })
        }),
      )

      it.effect("answers messages above the rate so, and serves the connection again when it has calmed down", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const ids = Array.from({ length: 60 }, () => talk.nextId())
          talk.socket.send(...ids.map((id) => driver.ping(id)))
          let answers = 0
          let refusals = 0
          yield* talk.find((said) => {
            if (said._tag === "Answer") answers++
            if (said._tag === "Fault" && said.fault === "rate-limited") refusals++
            return answers + refusals === ids.length ? true : undefined
          })
          expect(refusals).toBeGreaterThan(0)
          expect(answers).toBeGreaterThanOrEqual(50)
          yield* Effect.repeat(talk.ask(driver.ping), { until: ({ _tag }) => _tag === "Answer" })
        }),
      )
    })

    it.layer(TestGateway.layer({ ...driver.gateway, limits }), { excludeTestServices: true })((it) => {
      it.effect("closes with 1008 who goes on with what means nothing beyond the rate", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          talk.socket.send(...Array.from({ length: 200 }, () => driver.malformed))
          expect(yield* talk.socket.closed).toEqual({ code: 1008, reason: "policy violation: too many messages" })
        }),
      )
    })

    if (!speaksContract(driver)) return
    const { call, cancel } = driver.contract
    it.layer(TestGateway.layer({ ...driver.gateway, limits: { outboxBytes: 262_144 } }), { excludeTestServices: true })(
      (it) => {
        it.effect("answers who asks for more at once than may wait for it, as it is read", () =>
          Effect.gen(function* () {
            const runs = yield* Runs
            for (let i = 0; i < 10; i++) {
              yield* runs.inject({ sessionKey: "long", text: "x".repeat(200_000), role: "user" })
            }
            const talk = yield* open(driver)
            const ids = Array.from({ length: 20 }, () => talk.nextId())
            talk.socket.send(...ids.map((id) => call(id, "sessions.history", { key: "long", limit: 200 })))
            for (const id of ids) expect(yield* talk.replyTo(id)).toMatchObject({ _tag: "Answer" })
          }),
        )
      },
    )

    const few = TestGateway.layer({ ...driver.gateway, limits: { callsInFlight: 8 } })
    it.layer(few, { excludeTestServices: true })((it) => {
      it.effect("refuses one call too many in flight, and takes the next when one has ended", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const ids = Array.from({ length: 8 }, () => talk.nextId())
          talk.socket.send(
            ...ids.map((id) => call(id, "chat.stream", { text: "/slow 60000 a b", sessionKey: `flight-${id}` })),
          )
          expect(yield* talk.ask((id) => call(id, "ping", {}))).toMatchObject({ fault: "rate-limited" })
          talk.socket.send(cancel(ids[0]!))
          yield* talk.replyTo(ids[0]!)
          expect(yield* talk.ask((id) => call(id, "ping", {}))).toMatchObject({ _tag: "Answer" })
        }),
      )
    })
  })
}
