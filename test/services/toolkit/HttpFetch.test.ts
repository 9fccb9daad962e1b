import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as HttpFetch from "../../../src/services/toolkit/HttpFetch.ts"
import { HttpNetwork, makeNetwork } from "../../../src/services/toolkit/HttpNetwork.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { callTool, useTool } from "../../support/ToolCalls.ts"

/** The site's own answers, by path. */
const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "/text": (_, response) => response.setHeader("content-type", "text/plain; charset=utf-8").end("Grüße"),
  "/json": (_, response) => response.setHeader("content-type", "application/json").end('{"a":1}'),
  "/image": (_, response) => response.setHeader("content-type", "image/png").end("png"),
  "/gone": (_, response) => response.writeHead(404, { "content-type": "text/plain" }).end("not here"),
  "/headers": (request, response) =>
    response.setHeader("content-type", "application/json").end(JSON.stringify(request.headers)),
  "/large": (_, response) => {
    response.setHeader("content-type", "text/plain")
    const more = () => {
      while (response.write("x".repeat(65_536)));
      response.once("drain", more)
    }
    more()
  },
  "/broken": (_, response) => {
    response.setHeader("content-type", "text/plain").setHeader("content-length", "100")
    response.write("half")
    setImmediate(() => response.destroy())
  },
  "/gzip": (_, response) =>
    response.setHeader("content-type", "text/plain").setHeader("content-encoding", "gzip").end("zip"),
}

let server: Server
let port: number
let open = Promise.withResolvers<ServerResponse>()
const requests: Array<string> = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://site")
    requests.push(`${request.headers.host}${url.pathname}`)
    if (url.pathname === "/silent") open.resolve(response)
    else if (url.pathname === "/endless-image") open.resolve(response.setHeader("content-type", "image/png"))
    else if (url.pathname === "/to") response.writeHead(302, { location: url.searchParams.get("url") ?? "" }).end()
    else if (url.pathname === "/loop") response.writeHead(302, { location: "/loop" }).end()
    else (answers[url.pathname] ?? answers["/gone"]!)(request, response)
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  port = (server.address() as AddressInfo).port
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** Names and their addresses. The tests take 127.0.0.1 for an address on the internet, and 127.0.0.2 for a private one. */
const names: Record<string, ReadonlyArray<string>> = {
  "site.test": ["127.0.0.1"],
  "other.test": ["127.0.0.1"],
  "private.test": ["127.0.0.2"],
  "mixed.test": ["127.0.0.1", "127.0.0.2"],
}

const network = makeNetwork(
  (hostname, done) => {
    const addresses = names[hostname]
    if (addresses === undefined) return done(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), [])
    return done(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    )
  },
  (address) => address === "127.0.0.1",
)

const withHosts = (...hosts: ReadonlyArray<string>) =>
  Effect.provide(
    Layer.unwrap(
      Effect.sync(() =>
        HttpFetch.layer.pipe(
          Layer.provideMerge(Tools.layer),
          Layer.provide(
            GatewayConfig.layer({
              tools: { httpHosts: hosts.map((host) => `${host}:${port}`), timeoutMs: 60_000 },
            }),
          ),
          Layer.provide(Layer.succeed(HttpNetwork, network)),
        ),
      ),
    ),
  )

const closeOf = (response: ServerResponse) => new Promise<void>((resolve) => response.once("close", resolve))

const url = (path: string, host = "site.test") => `http://${host}:${port}${path}`

const fetchText = (path: string, host?: string) =>
  Effect.map(callTool("http_fetch", { url: url(path, host) }), ({ text }) => text)

describe("http_fetch", () => {
  it.effect("A gateway without permitted hosts has no such tool.", () =>
    Effect.gen(function* () {
      expect((yield* Tools).all()).toEqual([])
    }).pipe(
      Effect.provide(HttpFetch.layer.pipe(Layer.provideMerge(Tools.layer), Layer.provide(GatewayConfig.layer({})))),
    ),
  )

  it.live("Text and JSON of a permitted host are the result, with the status.", () =>
    Effect.gen(function* () {
      expect(yield* useTool("http_fetch", { url: url("/text") })).toEqual({
        status: 200,
        url: url("/text"),
        contentType: "text/plain; charset=utf-8",
        body: "Grüße",
        isCut: false,
      })
      expect(yield* useTool("http_fetch", { url: url("/json") })).toMatchObject({ body: '{"a":1}' })
      expect(yield* useTool("http_fetch", { url: url("/gone") })).toMatchObject({ status: 404, body: "not here" })
    }).pipe(withHosts("site.test")),
  )

  it.live("The request carries no credentials and asks for no compression.", () =>
    Effect.gen(function* () {
      const { body } = yield* useTool("http_fetch", { url: url("/headers") })
      const headers = JSON.parse(body)
      expect(headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "causeway" })
      expect(Object.keys(headers).sort()).toEqual(["accept", "accept-encoding", "connection", "host", "user-agent"])
    }).pipe(withHosts("site.test")),
  )

  it.live("A host that is not permitted gets no request, also by a redirect.", () =>
    Effect.gen(function* () {
      requests.length = 0
      expect(yield* fetchText("/text", "other.test")).toContain("not among those that can be read")
      expect(yield* fetchText(`/to?url=${encodeURIComponent(url("/text", "other.test"))}`)).toContain("redirects there")
      expect(requests).toEqual([`site.test:${port}/to`])
    }).pipe(withHosts("site.test")),
  )

  it.live("A redirect to a permitted host is followed, and a loop is not.", () =>
    Effect.gen(function* () {
      const input = { url: url(`/to?url=${encodeURIComponent(url("/json", "other.test"))}`) }
      expect(yield* useTool("http_fetch", input)).toMatchObject({ url: url("/json", "other.test"), body: '{"a":1}' })
      expect(yield* fetchText("/loop")).toContain("more than 5 times")
    }).pipe(withHosts("site.test", "other.test")),
  )

  it.live("A permitted name that leads to a private address gets no request.", () =>
    Effect.gen(function* () {
      requests.length = 0
      for (const host of ["private.test", "mixed.test"]) {
        expect(yield* fetchText("/text", host)).toContain("private network")
        expect(yield* fetchText(`/to?url=${encodeURIComponent(url("/text", host))}`)).toContain("private network")
      }
      expect(yield* fetchText("/text", "127.0.0.2")).toContain("private network")
      expect(requests.every((request) => request.startsWith("site.test"))).toBe(true)
    }).pipe(withHosts("site.test", "private.test", "mixed.test", "127.0.0.2")),
  )

  it.live("A name whose second answer is private does not lead there, because the socket has the first one.", () =>
    Effect.gen(function* () {
      let lookups = 0
      const rebinding = makeNetwork(
        (_, done) => done(null, [{ address: lookups++ === 0 ? "127.0.0.1" : "127.0.0.2", family: 4 }]),
        (address) => address === "127.0.0.1",
      )
      const config = GatewayConfig.layer({ tools: { httpHosts: [`site.test:${port}`] } })
      yield* Effect.gen(function* () {
        expect(yield* useTool("http_fetch", { url: url("/json") })).toMatchObject({ status: 200 })
        expect(lookups).toBe(1)
        expect(yield* fetchText("/json")).toContain("private network")
      }).pipe(
        Effect.provide(
          HttpFetch.layer.pipe(
            Layer.provideMerge(Tools.layer),
            Layer.provide([config, Layer.succeed(HttpNetwork, rebinding)]),
          ),
        ),
      )
    }),
  )

  it.live("A body above 1 MiB is cut, and the gateway stops reading.", () =>
    Effect.gen(function* () {
      const { isError, text } = yield* callTool("http_fetch", { url: url("/large") })
      expect(isError).toBe(false)
      expect(text).toContain("The gateway cut the output here")
    }).pipe(withHosts("site.test")),
  )

  it.live("Images, compressed bodies, cut connections and unknown names are failures that say so.", () =>
    Effect.gen(function* () {
      expect(yield* fetchText("/image")).toContain("image/png, not text or JSON")
      expect(yield* fetchText("/gzip")).toContain("a compressed body")
      expect(yield* fetchText("/broken")).toContain("ended before the whole body")
      expect(yield* fetchText("/text", "unknown.test")).toBe(`Cannot read unknown.test:${port}: ENOTFOUND.`)
    }).pipe(withHosts("site.test", "unknown.test")),
  )

  it.live("An interrupted call closes its connection.", () =>
    Effect.gen(function* () {
      open = Promise.withResolvers()
      const fiber = yield* Effect.forkChild(fetchText("/silent"))
      const closed = closeOf(yield* Effect.promise(() => open.promise))
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => closed)
    }).pipe(withHosts("site.test")),
  )

  it.live("A body that is not read closes its connection.", () =>
    Effect.gen(function* () {
      open = Promise.withResolvers()
      const fiber = yield* Effect.forkChild(fetchText("/endless-image"))
      const response = yield* Effect.promise(() => open.promise)
      const closed = closeOf(response)
      response.write("never ending")
      expect(yield* Fiber.join(fiber)).toContain("image/png")
      yield* Effect.promise(() => closed)
    }).pipe(withHosts("site.test")),
  )
})
