/**
 * OpenClaw: the stop of the gateway. Connected clients learn when the gateway is back, and new clients get the error on
 * which the published client retries.
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

const stopAccepting = Effect.flatMap(ConnectionSupervisor, (connections) =>
  connections.stopAccepting({ reason, drainMs: 4_000 }),
)

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

describe("OpenClaw while the gateway stops", () => {
  it.live("A new client gets an error that asks it to come back, and other wires refuse the upgrade.", () =>
    Effect.gen(function* () {
      const early = yield* open()
      yield* stopAccepting
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

  it.live("The published client reads the reason and when to retry.", () =>
    Effect.gen(function* () {
      const { wsUrl } = yield* TestGateway.TestGateway
      yield* stopAccepting
      expect(yield* failure(wsUrl)).toMatchObject({
        gatewayCode: "UNAVAILABLE",
        retryable: true,
        retryAfterMs: 1_000,
        details: { reason: "gateway-restarting" },
      })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("A connected client gets `shutdown`, and its later sends fail with the same error.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      const runs = yield* Runs
      yield* stopAccepting
      const shutdown = yield* client.event("shutdown")
      // The gateway does not expect a restart.
      expect(shutdown.payload).toEqual({ reason })
      expectValidEvent(shutdown)
      yield* runs.drain
      const params = { sessionKey: KEY, message: "too late", idempotencyKey: "late" }
      expect((yield* client.ask("chat.send", params)).error).toEqual(unavailable("chat.send"))
      expect((yield* client.ask("health")).ok).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it("A connected client learns when the gateway is back if a restart is expected.", () =>
    Effect.map(enter(), ({ client }) => client)
      .pipe(
        Effect.provide(TestGateway.layer({ restartExpectedMs: 1_500 })),
        // The gateway closes before its client.
        Effect.flatMap((client) => client.event("shutdown")),
        Effect.scoped,
        Effect.runPromise,
      )
      .then((shutdown) => {
        expect(shutdown.payload).toEqual({ reason, restartExpectedMs: 1_500 })
        expectValidEvent(shutdown)
      }))
})
