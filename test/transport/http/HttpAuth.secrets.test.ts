/** HttpAuth: a token goes to the Authenticator and nowhere else. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { inspect } from "node:util"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const logged: Array<string> = []
const log = Logger.make(({ cause, message }) => {
  logged.push(inspect([message, cause], { depth: 10 }))
})
const everything = Layer.succeed(References.MinimumLogLevel, "All")

const WRONG = "wrong-but-perhaps-right-elsewhere"

const request = (id: number, tag: string, payload: unknown) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [["authorization", `Bearer ${WRONG}`]] })

describe("HttpAuth: secrets", () => {
  layer(stubGateway({}, Layer.empty, [log]).pipe(Layer.provide(everything)), { excludeTestServices: true })((it) => {
    it.effect(
      "A token is in no log line, no response and no close reason, however it arrives and whatever fails.",
      () =>
        Effect.gen(function* () {
          const { authority } = yield* ListeningAddress
          const open = (path: string, headers: Record<string, string> = {}) =>
            TestSocket.connect(`ws://${authority}${path}`, { headers })
          const heard: Array<string> = []
          for (const token of [TOKEN, WRONG]) {
            yield* Effect.ignore(open(`/rpc?token=${token}`))
            yield* Effect.ignore(open(`/nowhere?token=${token}`))
            yield* Effect.ignore(open("/rpc", { Authorization: `Bearer ${token}` }))
            for (const path of [`/healthz?token=${token}`, `/nowhere?token=${token}`]) {
              heard.push(yield* Effect.promise(async () => (await fetch(`http://${authority}${path}`)).text()))
            }
            for (const payload of [{ token }, { token: [token] }, token]) {
              const socket = yield* open("/rpc")
              socket.send(request(1, "authenticate", payload))
              heard.push(yield* socket.next)
              if (payload !== token && !Array.isArray(payload)) socket.send(request(2, "sessions.list", { search: 1 }))
              socket.send(request(3, "sessions.list", {}), '{"_tag":"Eof"}')
              heard.push((yield* socket.closed).reason, ...socket.rest)
            }
          }
          expect(heard.length).toBeGreaterThan(10)
          expect(logged.some((line) => line.includes("a secret of this handler"))).toBe(true)
          for (const text of [...heard, ...logged]) {
            expect(text).not.toContain(TOKEN)
            expect(text).not.toContain(WRONG)
          }
          for (const text of heard) expect(text).not.toContain("a secret of this handler")
        }),
    )
  })
})
