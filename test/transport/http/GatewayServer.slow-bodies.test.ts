/** GatewayServer: requests whose bodies arrive too slowly. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const HOOK_TOKEN = "token-of-the-hooks-of-the-tests"

/** A path of each family of routes with bodies, and the token. */
const families = [
  ["/api/rpc/chat.send", TestGateway.TOKEN],
  ["/api/send", TestGateway.TOKEN],
  ["/v1/chat/completions", TestGateway.TOKEN],
  ["/v1/responses", TestGateway.TOKEN],
  ["/mcp", TestGateway.TOKEN],
  ["/jsonrpc", TestGateway.TOKEN],
  ["/api/command/steer/main", TestGateway.TOKEN],
  ["/hooks/agent", HOOK_TOKEN],
] as const

/** Sends the head, then a letter of the body from time to time, and returns all that the gateway answers. */
const trickle = Effect.fnUntraced(function* (path: string, token: string) {
  const { port } = yield* TestGateway.TestGateway
  const type = path === "/api/send" ? "multipart/form-data; boundary=x" : "application/json"
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${token}`,
    `Content-Type: ${type}`,
    "Accept: application/json, text/event-stream",
    "Content-Length: 1000",
  ]
  return yield* Effect.callback<string>((resume) => {
    let heard = ""
    const socket = connect(port, "127.0.0.1").setEncoding("utf8")
    const letters = setInterval(() => socket.write(" "), 20)
    socket.on("data", (text) => (heard += text)).on("error", () => {})
    socket.on("close", () => {
      clearInterval(letters)
      resume(Effect.succeed(heard))
    })
    socket.write(`${head.join("\r\n")}\r\n\r\n{`)
    return Effect.sync(() => socket.destroy())
  })
})

const gateway = TestGateway.layer({
  limits: { handshakeTimeoutMs: 200, requestTimeoutMs: 400 },
  hooks: { token: HOOK_TOKEN },
})

layer(gateway, { excludeTestServices: true })("GatewayServer, slow bodies", (it) => {
  for (const [path, token] of families) {
    it.effect(`A body for ${path} that does not arrive in time gets 408, and nothing is done.`, () =>
      Effect.gen(function* () {
        expect(yield* trickle(path, token)).toMatch(/^HTTP\/1.1 408 /)
        expect((yield* Sessions).count()).toBe(0)
        expect((yield* Runs).counts()).toMatchObject({ running: 0, waiting: 0 })
      }).pipe(Effect.timeout("5 seconds")),
    )
  }
})
