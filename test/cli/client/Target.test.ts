/** The gateway that a command connects to, with real servers. */
import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { join } from "node:path"
import { WebSocketServer } from "ws"
import { cli, failure, run } from "../../support/CommandLine.ts"
import * as GatewayProcess from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const TLS = join(import.meta.dirname, "../../fixtures/tls")
const certificate = join(TLS, "certificate.pem")
const TOKEN = "t".repeat(32)

/** Listens on a free port until the scope closes. Returns the port. */
const listen = (server: Net.Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close()),
  )

const respond = (status: number) =>
  Http.createServer((_, response) => response.writeHead(status).end()).on("upgrade", (_, socket) =>
    socket.end(`HTTP/1.1 ${status} Status\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`),
  )

const withTls = () =>
  Https.createServer({ key: Fs.readFileSync(join(TLS, "key.pem")), cert: Fs.readFileSync(certificate) })

/** Returns the error of a command that connects to the URL. */
const errorAt = Effect.fnUntraced(function* (url: string) {
  const { code, line } = failure(yield* run("status", "--url", url, "--token", TOKEN))
  expect({ url, code }).toEqual({ url, code: 69 })
  return line
})

describe("Target without a gateway", () => {
  it.live("A closed port and an unknown host name have different errors.", () =>
    Effect.gen(function* () {
      expect(yield* errorAt("127.0.0.1:9")).toContain("no gateway listens at 127.0.0.1:9: start one")
      expect(yield* errorAt("ws://[::1]:9")).toContain("no gateway listens at [::1]:9")
      expect(yield* errorAt("gateway.invalid:18789")).toMatch(
        /the host name gateway\.invalid (is unknown|cannot be resolved)/,
      )
    }),
  )

  it.live("The error names a proxy without a gateway, or the other program at the address.", () =>
    Effect.gen(function* () {
      const proxy = yield* listen(respond(502))
      expect(yield* errorAt(`127.0.0.1:${proxy}`)).toContain(
        `127.0.0.1:${proxy} answers 502: a proxy reaches no gateway`,
      )
      const web = yield* listen(Http.createServer((_, response) => response.end("<h1>hello</h1>")))
      expect(yield* errorAt(`http://127.0.0.1:${web}`)).toContain("is not a gateway: it answers 200")
      const ssh = yield* listen(Net.createServer((socket) => socket.on("error", () => {}).write("SSH-2.0-x\r\n")))
      expect(yield* errorAt(`127.0.0.1:${ssh}`)).toContain("is not a gateway (HPE_")
      const closing = yield* listen(Net.createServer((socket) => socket.destroy()))
      expect(yield* errorAt(`127.0.0.1:${closing}`)).toContain("closed the connection before it answered")
      const sockets = Http.createServer()
      new WebSocketServer({ server: sockets }).on("connection", (socket) => socket.send("welcome"))
      const other = yield* listen(sockets)
      expect(yield* errorAt(`127.0.0.1:${other}`)).toContain("does not answer like a gateway")
    }),
  )

  it.live("The error names the problem of TLS.", () =>
    Effect.gen(function* () {
      const tls = yield* listen(withTls())
      expect(yield* errorAt(`wss://127.0.0.1:${tls}`)).toContain("does not trust the TLS certificate of")
      const http = yield* listen(respond(200))
      expect(yield* errorAt(`wss://127.0.0.1:${http}`)).toContain("does not use TLS (EPROTO)")
      // Node reads NODE_EXTRA_CA_CERTS at the start of a process only.
      const trusted = yield* GatewayProcess.run(["status", "--url", `https://127.0.0.1:${tls}`, "--token", TOKEN], {
        env: { NODE_EXTRA_CA_CERTS: certificate },
      })
      expect(trusted).toMatchObject({ code: 69, stderr: expect.stringContaining("is for other names") })
    }),
  )
})

layer(TestGateway.layer({ limits: { authFailures: 3 } }), { excludeTestServices: true })("Target", (it) => {
  it.effect("A command with a wrong token exits with 77 and does not print the token.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      const { code, line } = failure(yield* run("status", "--url", url, "--token", "not-the-token"))
      expect(code).toBe(77)
      expect(line).toContain("rejected the token: set its token with --token")
      expect(line).not.toContain("not-the-token")
    }),
  )

  it.effect("A command without a token exits with 77, and an unreadable token file with an error.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      const missing = failure(yield* run("status", "--url", url, "--state-dir", "/nowhere"))
      expect(missing).toMatchObject({ code: 77, line: expect.stringContaining("requires a token") })
      const folder = yield* GatewayProcess.temporaryFolder
      Fs.mkdirSync(join(folder, "token"))
      expect(failure(yield* run("status", "--url", url, "--state-dir", folder)).line).toContain(
        `the token file ${join(folder, "token")} is a folder`,
      )
    }),
  )

  it.effect("Only a gateway on this machine gets the token of the state folder.", () =>
    Effect.gen(function* () {
      const { port, stateDir, token } = yield* TestGateway.TestGateway
      Fs.writeFileSync(join(stateDir, "token"), token, { mode: 0o600 })
      expect((yield* run("status", "--url", `localhost:${port}`, "--state-dir", stateDir)).code).toBe(0)
      // The kernel routes 0.0.0.0 to this machine, but a name or address other than loopback may lead elsewhere.
      const elsewhere = failure(yield* run("status", "--url", `0.0.0.0:${port}`, "--state-dir", stateDir))
      expect(elsewhere).toMatchObject({ code: 77, line: expect.stringContaining("requires a token") })
    }),
  )

  it.effect("A command at a path of another protocol exits with 69.", () =>
    Effect.gen(function* () {
      const { token, url } = yield* TestGateway.TestGateway
      const { code, line } = failure(yield* run("status", "--url", `${url}/other`, "--token", token))
      expect(code).toBe(69)
      expect(line).toMatch(/\/other\/rpc was closed 1008 .*without a path/)
    }),
  )

  it.effect("A command from a locked out address exits with 77.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      for (let i = 0; i < 3; i++) yield* run("status", "--url", url, "--token", "wrong")
      const { code, line } = failure(yield* cli("status"))
      expect(code).toBe(77)
      expect(line).toMatch(/too many wrong tokens came from this address: .*wait/)
    }),
  )
})
