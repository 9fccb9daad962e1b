/** MissionControl: authentication and the rate limit. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const gateway = (options: Gateway.TestGatewayOptions) => layer(Gateway.layer(options), { excludeTestServices: true })

gateway({ limits: { authFailureDelayMs: 0, handshakeTimeoutMs: 300 } })("MissionControl authentication", (it) => {
  it.effect("An unauthenticated client gets a greeting and then errors, until it authenticates.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      client.send({ type: "ping" })
      client.send({ type: "subscribe", channels: ["sessions"] })
      client.send("{")
      client.send({ type: "nonsense" })
      const error = (message: string) => ({ type: "error", payload: { message } })
      expect(yield* client.take(4)).toEqual([
        error("Not authenticated"),
        error("Not authenticated"),
        error("Invalid message format"),
        error("Not authenticated"),
      ])
      client.send({ type: "authenticate", token: Gateway.TOKEN })
      client.send({ type: "subscribe", channels: ["sessions"] })
      // Older clients expect no answer to `authenticate`.
      expect((yield* client.take(2)).map(({ type }) => type)).toEqual(["subscribed", "sessions"])
    }),
  )

  describe("wrong tokens", () => {
    const wrong: ReadonlyArray<readonly [string, object]> = [
      ["another token", { token: "another" }],
      ["no token", {}],
      ["no text", { token: 5 }],
      ["an empty token", { token: "" }],
    ]
    for (const [name, fields] of wrong) {
      it.effect(`The gateway closes a client with 1008 after ${name} in the message.`, () =>
        Effect.gen(function* () {
          const client = yield* MissionClient.open({ token: null })
          client.send({ type: "authenticate", ...fields })
          expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
        }),
      )
    }

    it.effect("A wrong token closes an authenticated client too.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        client.send({ type: "authenticate", token: "another" })
        expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
      }),
    )
  })

  it.effect("A client that does not authenticate in time is closed with a reason.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      expect(yield* client.closed).toEqual({ code: 4002, reason: "not authenticated in time" })
    }),
  )

  it.effect("A client may send the token in the query, as browsers must.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null, query: `?token=${Gateway.TOKEN}` })
      expect(yield* client.settled).toEqual([])
    }),
  )
})

gateway({ auth: "none" })("MissionControl without authentication", (it) => {
  it.effect("A gateway without authentication accepts clients with no token and with any token.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      client.send({ type: "authenticate", token: "whatever" })
      expect(yield* client.settled).toEqual([])
    }),
  )
})

gateway({ limits: { messagesPerSecond: 5 } })("MissionControl rate limit", (it) => {
  it.effect("A client above its rate gets an error with the time to wait.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      for (let i = 0; i < 8; i++) client.send({ type: "ping" })
      const answers = yield* client.take(8)
      expect(answers.filter(({ type }) => type === "pong")).toHaveLength(5)
      for (const { payload } of answers.filter(({ type }) => type === "error")) {
        expect(payload.message).toMatch(/^Too many messages, try again in \d+ ms$/)
      }
    }),
  )
})
