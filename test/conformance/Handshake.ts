/** Conformance of authentication: by the HTTP request, by a message, or by a dialect's own handshake. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CloseCodes } from "../../src/transport/connection/CloseCodes.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"
import { Client, open, openUnauthenticated } from "./Client.ts"
import type { Driver } from "./Driver.ts"

export const handshake = (driver: Driver): void => {
  describe(`${driver.name}: handshake`, () => {
    const gateway = TestGateway.layer({
      ...driver.gateway,
      limits: { handshakeTimeoutMs: 500, authFailureDelayMs: 1, authFailures: 100 },
    })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      it.effect("A client that authenticates in time is served.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("A client that does not authenticate in time is closed with the reason.", () =>
        Effect.gen(function* () {
          const client = yield* openUnauthenticated(driver)
          expect(yield* client.socket.closed).toEqual(driver.closes.handshakeTimeout)
        }),
      )

      it.effect("A client that presents a wrong token learns that it is wrong.", () =>
        Effect.gen(function* () {
          const client = yield* openUnauthenticated(driver)
          const wrong = (id: number) => driver.authenticate(id, "wrong")
          if (driver.wrongToken === "answered") {
            expect(yield* client.ask(wrong)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
          } else {
            client.socket.send(wrong(client.nextId()))
            const { code, reason } = yield* client.socket.closed
            expect([CloseCodes.unauthenticated.code, CloseCodes.invalidAuthentication.code]).toContain(code)
            expect(reason).not.toBe("")
          }
        }),
      )

      if (driver.handshake === undefined) {
        it.effect("The gateway accepts the token in a header of the HTTP request.", () =>
          Effect.gen(function* () {
            const { token, wsUrl } = yield* TestGateway.TestGateway
            const headers = { authorization: `Bearer ${token}` }
            const client = new Client(yield* connect(`${wsUrl}${driver.path}`, { headers }), driver)
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
          }),
        )

        it.effect("The gateway refuses an upgrade with a wrong token with 401.", () =>
          Effect.gen(function* () {
            const { wsUrl } = yield* TestGateway.TestGateway
            const refused = yield* Effect.flip(connect(`${wsUrl}${driver.path}?token=wrong`))
            expect(refused.status).toBe(401)
          }),
        )

        it.effect("The gateway refuses an upgrade from a foreign web page with 403.", () =>
          Effect.gen(function* () {
            const { token, wsUrl } = yield* TestGateway.TestGateway
            const url = `${wsUrl}${driver.path}?token=${token}`
            const refused = yield* Effect.flip(connect(url, { origin: "https://evil.example" }))
            expect(refused.status).toBe(403)
          }),
        )

        it.effect("A client without a token gets faults until it authenticates.", () =>
          Effect.gen(function* () {
            const { token } = yield* TestGateway.TestGateway
            const client = yield* openUnauthenticated(driver)
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
            client.socket.send(driver.authenticate(client.nextId(), token))
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
          }),
        )

        it.effect("A client without a token receives no events.", () =>
          Effect.gen(function* () {
            const client = yield* openUnauthenticated(driver)
            client.socket.send(driver.subscribe(client.nextId()))
            const authenticated = yield* open(driver)
            yield* authenticated.subscribe()
            expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Fault", fault: "unauthenticated" })
          }),
        )
        return
      }

      it.effect.each([
        { name: "a call", frame: driver.ping(1) },
        { name: "a subscription", frame: driver.subscribe(1) },
        { name: "a malformed frame", frame: driver.malformed },
        { name: "a frame that is not JSON", frame: "{" },
      ])("The gateway closes a client whose first frame is $name, with 1008 and a reason.", ({ frame }) =>
        Effect.gen(function* () {
          const client = yield* openUnauthenticated(driver)
          client.socket.send(frame)
          const { code, reason } = yield* client.socket.closed
          expect(code).toBe(1008)
          expect(reason).not.toBe("")
          const received = client.socket.rest.flatMap((text) => driver.decode(text))
          expect(received.filter(({ _tag }) => _tag === "Answer" || _tag === "Event")).toEqual([])
        }),
      )
    })
  })
}
