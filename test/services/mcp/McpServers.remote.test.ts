import { describe, expect, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpServer from "effect/ai/McpServer"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import * as Trace from "../../../src/services/traces/Trace.ts"
import { hasFailed, isReady, layer, until } from "../../support/McpServers.ts"
import { callTool } from "../../support/ToolCalls.ts"

const kit = Toolkit.make(
  Tool.make("add", {
    description: "Adds two numbers.",
    parameters: Schema.Struct({ a: Schema.Int, b: Schema.Int }),
    success: Schema.Struct({ sum: Schema.Int }),
  }),
)

const routes = Layer.mergeAll(McpServer.toolkit(kit)).pipe(
  Layer.provide(kit.toLayer({ add: ({ a, b }) => Effect.succeed({ sum: a + b }) })),
  Layer.provide(
    McpServer.layerHttp({ name: "sums", version: "1", path: "/mcp", protocols: [McpProtocol.v2025_11_25] }),
  ),
)

/** Starts Effect's own MCP server and returns its address. `onRequest` sees each request first. */
const serve = Effect.fnUntraced(function* (onRequest: (request: IncomingMessage) => void = () => {}) {
  const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })
  const context = yield* Layer.build(
    server.pipe(
      Layer.provideMerge(
        NodeHttpServer.layer(() => createServer().on("request", onRequest), { host: "127.0.0.1", port: 0 }),
      ),
    ),
  )
  const { address } = yield* Effect.provideContext(HttpServer.HttpServer, context)
  return `http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`
})

describe("A remote MCP server", () => {
  it.live("Its tools are in the registry, and a call returns its result.", () =>
    Effect.gen(function* () {
      const url = yield* serve()
      yield* Effect.gen(function* () {
        yield* until(isReady("sums"))
        const result = yield* callTool("sums_add", { a: 1, b: 2 })
        expect(result.isError).toBe(false)
        expect(JSON.parse(result.text)).toEqual({ sum: 3 })
        expect((yield* callTool("sums_add", { a: "x" })).isError).toBe(true)
      }).pipe(Effect.provide(layer({ sums: { url } })))
    }),
  )

  it.live("A call carries the trace of the run as a header, and the gateway's other requests carry none.", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const url = yield* serve(({ headers }) => void seen.push(headers["traceparent"] ?? headers["b3"]))
      yield* Effect.gen(function* () {
        yield* until(isReady("sums"))
        expect(new Set(seen)).toEqual(new Set([undefined]))
        const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        yield* Trace.within(callTool("sums_add", { a: 1, b: 2 }), traceparent)
        expect(seen.at(-1)).toBe(traceparent)
      }).pipe(Effect.provide(layer({ sums: { url } })))
    }),
  )

  it.live("A server that is not there, or refuses the key, fails with the reason and without the key.", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<string | undefined>()
      const refusing = createServer((request, response) => {
        Deferred.doneUnsafe(asked, Effect.succeed(request.headers.authorization))
        response.writeHead(401, { "content-type": "text/plain" }).end("wrong key sk-secret-key")
      })
      yield* Effect.promise(() => new Promise<void>((done) => refusing.listen(0, "127.0.0.1", done)))
      yield* Effect.addFinalizer(() => Effect.sync(() => refusing.close()))
      const { port } = refusing.address() as AddressInfo
      const headers = { authorization: "Bearer sk-secret-key" }
      yield* Effect.gen(function* () {
        const tools = yield* until((tools) => hasFailed("refusing")(tools) && hasFailed("absent")(tools))
        expect(yield* Deferred.await(asked)).toBe("Bearer sk-secret-key")
        const problems = tools.sources().map(({ problem }) => problem ?? "")
        expect(problems.join()).toContain("401")
        expect(problems.join()).not.toContain("sk-secret-key")
      }).pipe(
        Effect.provide(
          layer({
            refusing: { url: `http://127.0.0.1:${port}/mcp`, headers },
            absent: { url: "http://127.0.0.1:1/mcp" },
          }),
        ),
      )
    }),
  )
})
