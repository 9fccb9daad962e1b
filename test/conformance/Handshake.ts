/** How a client comes in, whichever dialect it speaks. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CloseCodes } from "../../src/transport/connection/CloseCodes.ts"
import { connect } from "../support/TestSocket.ts"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { open, openUnknown, Talk } from "./Talk.ts"

export const handshake = (driver: Driver): void => {
  describe(`${driver.name}: handshake`, () => {
    const gateway = TestGateway.layer({
      ...driver.gateway,
      limits: { handshakeTimeoutMs: 500, authFailureDelayMs: 1, authFailures: 100 },
    })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      it.effect("serves who has the token, in the query or in a header", () =>
        Effect.gen(function* () {
          const { token, wsUrl } = yield* TestGateway.TestGateway
          const byQuery = yield* open(driver)
          expect(yield* byQuery.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
          const headers = { authorization: `Bearer ${token}` }
          const byHeader = new Talk(yield* connect(`${wsUrl}${driver.path}`, { headers }), driver)
          expect(yield* byHeader.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("refuses a wrong token and a foreign page before there is a socket", () =>
        Effect.gen(function* () {
          const { token, wsUrl } = yield* TestGateway.TestGateway
          const wrong = yield* Effect.flip(connect(`${wsUrl}${driver.path}?token=wrong`))
          expect(wrong.status).toBe(401)
          const url = `${wsUrl}${driver.path}?token=${token}`
          const foreign = yield* Effect.flip(connect(url, { origin: "https://evil.example" }))
          expect(foreign.status).toBe(403)
        }),
      )

      it.effect("answers that it does not know a client, and serves it once it has proved who it is", () =>
        Effect.gen(function* () {
          const { token } = yield* TestGateway.TestGateway
          const talk = yield* openUnknown(driver)
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
          talk.socket.send(driver.authenticate(talk.nextId(), token))
          const answer = yield* talk.ask(driver.ping)
          expect(answer).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("tells nothing of what happens to a client that it does not know", () =>
        Effect.gen(function* () {
          const talk = yield* openUnknown(driver)
          talk.socket.send(driver.subscribe(talk.nextId()))
          const known = yield* open(driver)
          yield* known.follow()
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
        }),
      )

      it.effect("says so where the first message has a wrong token", () =>
        Effect.gen(function* () {
          const talk = yield* openUnknown(driver)
          const wrong = (id: number) => driver.authenticate(id, "wrong")
          if (driver.wrongToken === "answered") {
            expect(yield* talk.ask(wrong)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
            expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
          } else {
            talk.socket.send(wrong(talk.nextId()))
            const { code, reason } = yield* talk.socket.closed
            expect([CloseCodes.unauthenticated.code, CloseCodes.invalidAuthentication.code]).toContain(code)
            expect(reason).not.toBe("")
          }
        }),
      )

      it.effect("closes, with the reason, who proves nothing in time", () =>
        Effect.gen(function* () {
          const talk = yield* openUnknown(driver)
          expect(yield* talk.socket.closed).toEqual({ code: 4002, reason: "not authenticated in time" })
        }),
      )
    })
  })
}
