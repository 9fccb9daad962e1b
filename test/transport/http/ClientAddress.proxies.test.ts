/** ClientAddress: the proxy configurations of docs/operating.md, with a real nginx. Skipped without nginx. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { nginx, start } from "../../support/Nginx.ts"
import * as OpenClaw from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const page = readFileSync(join(import.meta.dirname, "../../../docs/operating.md"), "utf8")

interface Documented {
  readonly name: string
  readonly options: GatewayOptions
  readonly site: string
}

const documented: ReadonlyArray<Documented> = [
  ...page.matchAll(/```yaml\n(?<yaml>[^`]*)```\s+```nginx\n(?<site>[^`]*)```/g),
].map(({ groups }) => {
  const options = parse(groups?.["yaml"] ?? "") as GatewayOptions
  return { name: options.clientAddressHeader ?? "x-forwarded-for", options, site: groups?.["site"] ?? "" }
})

/** A client that has made up every header by which proxies name clients. */
const LIES = {
  "X-Forwarded-For": "203.0.113.5",
  "X-Real-IP": "203.0.113.5",
  "CF-Connecting-IP": "203.0.113.5",
  "True-Client-IP": "203.0.113.5",
  Forwarded: "for=203.0.113.5",
}

const HOST = "gateway.example.org"

/** Connects through nginx, from another address of this machine's loopback network. */
const through = (port: number, path: string, headers: Record<string, string> = {}, localAddress = "127.0.0.2") =>
  TestSocket.connect(`ws://127.0.0.1:${port}${path}`, { localAddress, headers: { Host: HOST, ...headers } })

const addresses = Effect.map(Connections, ({ list }) => list().map(({ remoteAddress }) => remoteAddress))

describe("docs/operating.md", () => {
  it("The page documents proxies that append to a header and proxies that overwrite one.", () => {
    expect(documented.map(({ name }) => name)).toEqual(["x-forwarded-for", "x-real-ip"])
  })
})

describe.skipIf(nginx === undefined)("ClientAddress behind a real nginx (skipped without one)", () => {
  for (const { name, options, site } of documented) {
    it.live(`A client that makes up headers has the address that nginx sees: ${name}.`, () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const proxy = yield* start(site, port)
        yield* through(proxy, `/rpc?token=${TestGateway.TOKEN}`, LIES)
        expect(yield* addresses).toEqual(["127.0.0.2"])
        yield* through(proxy, `/rpc?token=${TestGateway.TOKEN}`, {}, "127.0.0.3")
        expect(yield* addresses).toEqual(["127.0.0.2", "127.0.0.3"])
      }).pipe(Effect.provide(TestGateway.layer(options))),
    )

    it.live(`Strangers count by their own addresses: ${name}.`, () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const proxy = yield* start(site, port)
        yield* through(proxy, "/rpc", LIES)
        const lies = { ...LIES, "X-Forwarded-For": "203.0.113.6", "X-Real-IP": "203.0.113.6" }
        expect((yield* Effect.flip(through(proxy, "/rpc", lies))).status).toBe(429)
        yield* through(proxy, "/rpc", LIES, "127.0.0.3")
      }).pipe(Effect.provide(TestGateway.layer({ ...options, limits: { unauthenticatedPerAddress: 1 } }))),
    )

    it.live(`The gateway's own page gets in, and that of another site does not: ${name}.`, () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const proxy = yield* start(site, port)
        const path = `/rpc?token=${TestGateway.TOKEN}`
        yield* through(proxy, path, { Origin: `https://${HOST}` })
        const foreign = yield* Effect.flip(through(proxy, path, { Origin: "https://evil.example" }))
        expect(foreign.status).toBe(403)
      }).pipe(Effect.provide(TestGateway.layer(options))),
    )

    it.live(`A device waits for approval: ${name}.`, () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const proxy = yield* start(site, port)
        expect(yield* pairing(proxy)).toBe("PAIRING_REQUIRED")
      }).pipe(Effect.provide(TestGateway.layer(options))),
    )
  }

  const bare = (more: string) =>
    `server { listen 443 ssl; location / { proxy_pass http://127.0.0.1:18789; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; ${more} } }`

  it.live.each([
    { name: "is trusted and adds no header", more: "", options: { trustedProxies: ["127.0.0.1"] } },
    { name: "is not trusted and passes Host on", more: "proxy_set_header Host $http_host;", options: {} },
    { name: "is not trusted and names itself", more: "proxy_set_header Via nginx;", options: {} },
    { name: "is not trusted and names the client", more: "proxy_set_header X-Real-IP $remote_addr;", options: {} },
  ])("A device waits for approval if the proxy $name", ({ more, options }) =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      expect(yield* pairing(yield* start(bare(more), port))).toBe("PAIRING_REQUIRED")
    }).pipe(Effect.provide(TestGateway.layer(options))),
  )
})

/** Returns the error code for a device with the gateway's secret that connects through nginx from another machine. */
const pairing = Effect.fnUntraced(function* (proxy: number) {
  const socket = yield* through(proxy, "/")
  const challenge = JSON.parse(yield* socket.next) as OpenClaw.Frame
  const client = new OpenClaw.OpenClawClient(socket, challenge)
  const device = new OpenClaw.TestDevice()
  const params = yield* OpenClaw.connectParams()
  const answer = yield* client.connect({ ...params, device: device.prove(params, client.nonce) })
  return answer.error?.details.code
})
