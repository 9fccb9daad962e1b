/**
 * While the gateway goes down: who is in is told when it is back, who comes is told to come back, in the words by which
 * the published client does so.
 */
import { describe, expect, it } from "@effect/vitest"
import { GatewayClient } from "@openclaw/gateway-client"
import * as Effect from "effect/Effect"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { ConnectionSupervisor } from "../../../src/transport/connection/ConnectionSupervisor.ts"
import { expectValid, expectValidEvent } from "../../support/OpenClaw.ts"
import { connectParams, enter, open } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { connect } from "../../support/TestSocket.ts"

const KEY = "agent:main:main"

const reason = "the gateway is stopping"

const goingDown = Effect.flatMap(ConnectionSupervisor, ({ stopAccepting }) => stopAccepting({ reason, drainMs: 4_000 }))

const unavailable = (method: string) => ({
  code: "UNAVAILABLE",
  message: `${method} unavailable during gateway restart`,
  retryable: true,
  retryAfterMs: 1_000,
  details: { method, reason: "gateway-restarting", phase: "draining" },
})

/** Waits until the published client has failed to connect. */
const failure = (url: string) =>
  Effect.callback<unknown>((resume) => {
    const client = new GatewayClient({
      url,
      token: TestGateway.TOKEN,
      clientName: "gateway-client",
      mode: "backend",
      clientVersion: "0.0.1",
      deviceIdentity: null,
      onConnectError: (error) =>
        resume(
          Effect.as(
            Effect.promise(() => client.stopAndWait()),
            error,
          ),
        ),
    })
    client.start()
  })

describe("while the gateway goes down", () => {
  it.live("who comes is refused on its own wire and is to come back; other wires refuse by HTTP", () =>
    Effect.gen(function* () {
      const early = yield* open()
      yield* goingDown
      for (const client of [early, yield* open()]) {
        const refused = yield* client.connect(yield* connectParams())
        expect(refused).toEqual({ type: "res", id: "hello", ok: false, error: unavailable("connect") })
        expectValid("ErrorShape", refused.error)
        expect(yield* client.socket.closed).toEqual({ code: 1013, reason: "gateway restart in progress" })
      }
      const { wsUrl } = yield* TestGateway.TestGateway
      expect((yield* Effect.flip(connect(`${wsUrl}/rpc`))).status).toBe(503)
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("the published client reads why, and that it is to come back", () =>
    Effect.gen(function* () {
      const { wsUrl } = yield* TestGateway.TestGateway
      yield* goingDown
      expect(yield* failure(wsUrl)).toMatchObject({
        gatewayCode: "UNAVAILABLE",
        retryable: true,
        retryAfterMs: 1_000,
        details: { reason: "gateway-restarting" },
      })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("who is in is told, and what it sends then is refused the same way", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      const runs = yield* Runs
      yield* goingDown
      const told = yield* client.event("shutdown")
      // Nothing is known of a restart: nothing is said of one.
      expect(told.payload).toEqual({ reason })
      expectValidEvent(told)
      yield* runs.drain
      const params = { sessionKey: KEY, message: "too late", idempotencyKey: "late" }
      expect((yield* client.ask("chat.send", params)).error).toEqual(unavailable("chat.send"))
      expect((yield* client.ask("health")).ok).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it("who is in is told when the gateway is back, where something starts it again", () =>
    Effect.map(enter(), ({ client }) => client)
      .pipe(
        Effect.provide(TestGateway.layer({ restartExpectedMs: 1_500 })),
        // The gateway goes first, its client after.
        Effect.flatMap((client) => client.event("shutdown")),
        Effect.scoped,
        Effect.runPromise,
      )
      .then((told) => {
        expect(told.payload).toEqual({ reason, restartExpectedMs: 1_500 })
        expectValidEvent(told)
      }))
})
