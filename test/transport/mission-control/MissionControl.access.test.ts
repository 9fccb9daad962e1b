/**
 * Who may speak to the gateway over Mission Control's channels, and how much.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const gateway = (options: Gateway.TestGatewayOptions) => layer(Gateway.layer(options), { excludeTestServices: true })

gateway({ limits: { authFailureDelayMs: 0, handshakeTimeoutMs: 300 } })("who has not said who they are", (it) => {
  it.effect("are greeted, and told that they are not authenticated, until they are", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      client.say({ type: "ping" })
      client.say({ type: "subscribe", channels: ["sessions"] })
      client.say("{")
      client.say({ type: "nonsense" })
      const error = (message: string) => ({ type: "error", payload: { message } })
      expect(yield* client.take(4)).toEqual([
        error("Not authenticated"),
        error("Not authenticated"),
        error("Invalid message format"),
        error("Not authenticated"),
      ])
      client.say({ type: "authenticate", token: Gateway.TOKEN })
      client.say({ type: "subscribe", channels: ["sessions"] })
      // As clients of old know it, nothing is said about who they are.
      expect((yield* client.take(2)).map(({ type }) => type)).toEqual(["subscribed", "sessions"])
    }),
  )

  describe("and say it wrong", () => {
    const wrong: ReadonlyArray<readonly [string, object]> = [
      ["another token", { token: "another" }],
      ["no token", {}],
      ["no text", { token: 5 }],
      ["an empty token", { token: "" }],
    ]
    for (const [name, fields] of wrong) {
      it.effect(`(${name}) are closed with 1008`, () =>
        Effect.gen(function* () {
          const client = yield* MissionClient.open({ token: null })
          client.say({ type: "authenticate", ...fields })
          expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
        }),
      )
    }

    it.effect("are closed even when they were known before", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        client.say({ type: "authenticate", token: "another" })
        expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
      }),
    )
  })

  it.effect("are closed with a reason when they never do", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      expect(yield* client.closed).toEqual({ code: 4002, reason: "not authenticated in time" })
    }),
  )

  it.effect("may present the token in the address, as browsers must", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null, query: `?token=${Gateway.TOKEN}` })
      expect(yield* client.settled).toEqual([])
    }),
  )
})

gateway({ auth: "none" })("a gateway that asks for no token", (it) => {
  it.effect("serves those who present none, and whoever says `authenticate` anyway", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open({ token: null })
      client.say({ type: "authenticate", token: "whatever" })
      expect(yield* client.settled).toEqual([])
    }),
  )
})

gateway({ limits: { messagesPerSecond: 5 } })("a client that says more than its share", (it) => {
  it.effect("is told so, and when to try again", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      for (let i = 0; i < 8; i++) client.say({ type: "ping" })
      const answers = yield* client.take(8)
      expect(answers.filter(({ type }) => type === "pong")).toHaveLength(5)
      for (const { payload } of answers.filter(({ type }) => type === "error")) {
        expect(payload.message).toMatch(/^Too many messages, try again in \d+ ms$/)
      }
    }),
  )
})
