/**
 * The Control UI's files on the gateway's port: what a browser gets, under which policy, and who may read the page's
 * configuration.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { contentSecurityPolicy, inlineScripts } from "../../../src/transport/openclaw/ControlUi.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const PAGE = `<!doctype html><script src="/assets/a.js"></script><script data-x>go()</script>`

const withUi = Layer.unwrap(
  Effect.map(temporaryFolder, (controlUiDir) => {
    mkdirSync(join(controlUiDir, "assets"))
    writeFileSync(join(controlUiDir, "index.html"), PAGE)
    writeFileSync(join(controlUiDir, "assets/a.js"), "a()")
    return TestGateway.layer({ controlUiDir })
  }),
)

const get = Effect.fnUntraced(function* (path: string, headers: Record<string, string> = {}) {
  const { url } = yield* TestGateway.TestGateway
  const response = yield* Effect.promise(() => fetch(`${url}${path}`, { headers }))
  return { status: response.status, headers: response.headers, text: yield* Effect.promise(() => response.text()) }
})

const html = { accept: "text/html" }

describe("the Control UI", () => {
  it.live("is its page at every path that is none of the gateway's, and its files", () =>
    Effect.gen(function* () {
      for (const path of ["/", "/chat", "/agents/main"]) {
        expect(yield* get(path, html), path).toMatchObject({ status: 200, text: PAGE })
      }
      expect(yield* get("/assets/a.js")).toMatchObject({ status: 200, text: "a()" })
      expect((yield* get("/assets/b.js")).status).toBe(404)
      expect((yield* get("/..%2f..%2fetc%2fpasswd")).text).not.toContain("root:")
      expect(JSON.parse((yield* get("/health", html)).text)).toMatchObject({ ok: true })
    }).pipe(Effect.provide(withUi)),
  )

  it.live("runs under a policy that lets its own scripts run and no others", () =>
    Effect.gen(function* () {
      const { headers } = yield* get("/", html)
      expect(headers.get("content-security-policy")).toBe(contentSecurityPolicy(PAGE))
      expect(headers.get("x-frame-options")).toBe("DENY")
    }).pipe(Effect.provide(withUi)),
  )

  it.live("reads its configuration with the token alone", () =>
    Effect.gen(function* () {
      const authorization = `Bearer ${TestGateway.TOKEN}`
      for (const path of ["/control-ui-config.json", "/__openclaw__/control-ui-config.json"]) {
        expect((yield* get(path)).status, path).toBe(401)
        const { status, text } = yield* get(path, { authorization })
        expect(status).toBe(200)
        expect(JSON.parse(text)).toMatchObject({ basePath: "", assistantAgentId: "main" })
      }
    }).pipe(Effect.provide(withUi)),
  )

  it.live("is not there where no folder is configured", () =>
    Effect.gen(function* () {
      expect((yield* get("/chat", html)).status).toBe(404)
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("keeps the gateway from starting where its folder is empty, and says so", () =>
    Effect.gen(function* () {
      const controlUiDir = yield* temporaryFolder
      const error = yield* Effect.flip(Effect.scoped(Layer.build(TestGateway.layer({ controlUiDir }))))
      expect(String(error)).toContain("there is no Control UI in")
    }),
  )

  it("knows inline scripts from others", () => {
    expect(inlineScripts(PAGE)).toEqual(["go()"])
    expect(contentSecurityPolicy("")).toContain("script-src 'self' 'wasm-unsafe-eval';")
  })
})
