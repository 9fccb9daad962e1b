/** Addresses at which no gateway answers, each by a real server and the real binary. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { join } from "node:path"
import { WebSocketServer } from "ws"
import { run } from "../support/GatewayProcess.ts"

const TLS = join(import.meta.dirname, "../fixtures/tls")
const certificate = join(TLS, "certificate.pem")

/** Listens on a free port until the scope closes; returns the port. */
const listening = (server: Net.Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close()),
  )

const answering = (status: number) =>
  Http.createServer((_, response) => response.writeHead(status).end()).on("upgrade", (_, socket) =>
    socket.end(`HTTP/1.1 ${status} Status\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`),
  )

const withTls = () =>
  Https.createServer({ key: Fs.readFileSync(join(TLS, "key.pem")), cert: Fs.readFileSync(certificate) })

/** What a command says that is sent there. */
const said = Effect.fnUntraced(function* (url: string, env: Record<string, string> = {}) {
  const { code, stderr, stdout } = yield* run(["status", "--url", url, "--token", "t".repeat(32)], { env })
  expect({ url, code, stdout, lines: stderr.split("\n").length }).toEqual({ url, code: 69, stdout: "", lines: 2 })
  return stderr
})

describe("a command that reaches no gateway", () => {
  it.live(
    "says whether nothing listens, or the name is unknown",
    () =>
      Effect.gen(function* () {
        expect(yield* said("127.0.0.1:9")).toContain("no gateway listens at 127.0.0.1:9: start one")
        expect(yield* said("ws://[::1]:9")).toContain("no gateway listens at [::1]:9")
        expect(yield* said("gateway.invalid:18789")).toMatch(
          /the name gateway\.invalid (is unknown|cannot be looked up)/,
        )
      }),
    60_000,
  )

  it.live(
    "says that the proxy reaches no gateway, or what else answers in its place",
    () =>
      Effect.gen(function* () {
        const proxy = yield* listening(answering(502))
        expect(yield* said(`127.0.0.1:${proxy}`)).toContain(
          `127.0.0.1:${proxy} answers 502: a proxy reaches no gateway`,
        )
        const web = yield* listening(Http.createServer((_, response) => response.end("<h1>hello</h1>")))
        expect(yield* said(`http://127.0.0.1:${web}`)).toContain("is not a gateway: it answers 200")
        const ssh = yield* listening(Net.createServer((socket) => socket.on("error", () => {}).write("SSH-2.0-x\r\n")))
        expect(yield* said(`127.0.0.1:${ssh}`)).toContain("is not a gateway (HPE_")
        const gone = yield* listening(Net.createServer((socket) => socket.destroy()))
        expect(yield* said(`127.0.0.1:${gone}`)).toContain("closed the connection before it answered")
        const sockets = Http.createServer()
        new WebSocketServer({ server: sockets }).on("connection", (socket) => socket.send("welcome"))
        const other = yield* listening(sockets)
        expect(yield* said(`127.0.0.1:${other}`)).toContain("gave no answer that a gateway gives")
      }),
    60_000,
  )

  it.live(
    "says what is wrong with TLS",
    () =>
      Effect.gen(function* () {
        const tls = yield* listening(withTls())
        expect(yield* said(`wss://127.0.0.1:${tls}`)).toContain("does not trust the TLS certificate of")
        const trusted = { NODE_EXTRA_CA_CERTS: certificate }
        expect(yield* said(`https://127.0.0.1:${tls}`, trusted)).toContain("is for other names")
        const http = yield* listening(answering(200))
        expect(yield* said(`wss://127.0.0.1:${http}`)).toContain("does not answer in TLS (EPROTO)")
      }),
    60_000,
  )
})
