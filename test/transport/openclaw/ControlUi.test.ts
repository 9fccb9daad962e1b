/**
 * ControlUi: the answer to each path, the policy of the page, and the access to the page's configuration.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { everyScope } from "../../../src/domain/Principal.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { contentSecurityPolicy, inlineScripts } from "../../../src/transport/openclaw/ControlUi.ts"
import { targetOf, rooted } from "../../../src/transport/openclaw/ControlUiFiles.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const PAGE = `<!doctype html><html lang="en"><link rel="icon" href="./favicon.svg"><script src="./assets/a.js"></script><script data-x>go()</script></html>`
const SENT = `<!doctype html><html data-openclaw-control-ui-base-path="" lang="en"><link rel="icon" href="/favicon.svg"><script src="/assets/a.js"></script><script data-x>go()</script></html>`

const withUi = (options: GatewayOptions = {}) =>
  Layer.unwrap(
    Effect.map(temporaryFolder, (folder) => {
      const controlUiDir = join(folder, "ui")
      mkdirSync(join(controlUiDir, "assets"), { recursive: true })
      mkdirSync(join(controlUiDir, ".git"))
      writeFileSync(join(folder, "secret.js"), "secret()")
      writeFileSync(join(controlUiDir, "index.html"), PAGE)
      writeFileSync(join(controlUiDir, "assets/a.js"), "a()")
      writeFileSync(join(controlUiDir, "favicon.svg"), "<svg/>")
      writeFileSync(join(controlUiDir, ".env.js"), "dot()")
      writeFileSync(join(controlUiDir, ".git/config.js"), "dot()")
      symlinkSync(join(folder, "secret.js"), join(controlUiDir, "assets/outside.js"))
      symlinkSync(folder, join(controlUiDir, "outside"))
      symlinkSync(join(controlUiDir, ".env.js"), join(controlUiDir, "assets/dot.js"))
      symlinkSync(join(controlUiDir, "assets/a.js"), join(controlUiDir, "assets/inside.js"))
      return TestGateway.layer({ controlUiDir, ...options })
    }),
  )

const get = Effect.fnUntraced(function* (path: string, headers: Record<string, string> = {}, method = "GET") {
  const { url } = yield* TestGateway.TestGateway
  const response = yield* Effect.promise(() => fetch(`${url}${path}`, { headers, method }))
  return { status: response.status, headers: response.headers, text: yield* Effect.promise(() => response.text()) }
})

const html = { accept: "text/html" }

describe("ControlUi", () => {
  it.layer(withUi(), { excludeTestServices: true })((it) => {
    it.effect.each([
      "/",
      "/index.html",
      "/chat",
      "/chat/main",
      "/chat/main/",
      "/settings/devices",
      "/settings/memory/dreams",
      "/approve/0e1f",
      "/chat/agent:main:telegram:v1.5",
      "/assets",
    ])("The path %s returns the page with absolute addresses of its files.", (path) =>
      Effect.gen(function* () {
        const answer = yield* get(path, html)
        expect(answer).toMatchObject({ status: 200, text: SENT })
        expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8")
        const head = yield* get(path, html, "HEAD")
        expect([head.status, head.text]).toEqual([200, ""])
        expect(head.headers.get("content-length")).toBe(answer.headers.get("content-length"))
      }),
    )

    it.effect.each(["/assets/a.js", "/chat/assets/a.js", "/settings/devices/assets/a.js", "/assets/inside.js"])(
      "The path %s returns the file.",
      (path) =>
        Effect.gen(function* () {
          const { headers, status, text } = yield* get(path)
          expect([status, text, headers.get("content-type")]).toEqual([200, "a()", "text/javascript; charset=utf-8"])
          expect((yield* get(path, {}, "HEAD")).status).toBe(200)
        }),
    )

    it.effect.each(["/assets/b.js", "/sw.js", "/chat/main.css", "/api/nothing", "/__openclaw__/nothing", "/hooks/x"])(
      "The path %s of a program returns 404 instead of the page.",
      (path) =>
        Effect.gen(function* () {
          expect((yield* get(path, html)).status).toBe(404)
        }),
    )

    it.effect.each([
      "/assets/outside.js",
      "/outside/secret.js",
      "/chat/assets/outside.js",
      "/.env.js",
      "/%2eenv.js",
      "/.git/config.js",
      "/assets/dot.js",
      "/..%2fsecret.js",
      "/assets/..%2f..%2fsecret.js",
      "/..%5csecret.js",
      "/%00.js",
      "/%ff.js",
    ])("The path %s returns no file outside of the folder and no dot file.", (path) =>
      Effect.gen(function* () {
        const { status, text } = yield* get(path)
        expect(status).toBe(404)
        expect(text).not.toMatch(/secret\(|dot\(/)
      }),
    )

    it.effect("The gateway's own paths do not return the page.", () =>
      Effect.gen(function* () {
        expect(JSON.parse((yield* get("/health", html)).text)).toMatchObject({ ok: true })
        expect((yield* get("/ws", html)).status).toBe(426)
        expect((yield* get("/nowhere", {}, "POST")).status).toBe(404)
      }),
    )

    it.effect("The policy of the page allows the page's own scripts and no others.", () =>
      Effect.gen(function* () {
        const { headers } = yield* get("/settings/devices", html)
        expect(headers.get("content-security-policy")).toBe(contentSecurityPolicy(SENT))
        expect(headers.get("x-frame-options")).toBe("DENY")
      }),
    )

    it.effect.each(["/control-ui-config.json", "/__openclaw/control-ui-config.json"])(
      "The path %s accepts the shared token and device tokens of operators, and counts neither as wrong.",
      (path) =>
        Effect.gen(function* () {
          const devices = yield* Devices
          const candidate = { deviceId: "d1", publicKey: "k", displayName: null, platform: null, deviceFamily: null }
          const of = { ...candidate, clientId: null, clientMode: null, remoteAddress: "127.0.0.1" }
          const operator = yield* devices.issue(of, { role: "operator", scopes: ["operator.read"] })
          const node = yield* devices.issue({ ...of, deviceId: "d2" }, { role: "node", scopes: [] })
          const read = (token: string, method = "GET") => get(path, { authorization: `Bearer ${token}` }, method)
          expect((yield* get(path)).status).toBe(401)
          // More often than wrong tokens are allowed.
          for (let i = 0; i < 12; i++) expect((yield* read(Redacted.value(operator.token))).status).toBe(200)
          expect((yield* read(Redacted.value(operator.token), "HEAD")).status).toBe(200)
          const { status, text } = yield* read(TestGateway.TOKEN)
          expect(status).toBe(200)
          expect(JSON.parse(text)).toMatchObject({ basePath: "", assistantAgentId: "main", terminalEnabled: false })
          expect((yield* read(Redacted.value(node.token))).status).toBe(401)
          yield* devices.revoke({ deviceId: "d1", role: "operator" }, everyScope)
          expect((yield* read(Redacted.value(operator.token))).status).toBe(401)
        }),
    )
  })

  it.layer(withUi({ basePath: "/causeway" }), { excludeTestServices: true })((it) => {
    it.effect("With a base path, the page, its files and its configuration are below it.", () =>
      Effect.gen(function* () {
        const { status, text } = yield* get("/causeway/settings/devices", html)
        expect(status).toBe(200)
        expect(text).toBe(rooted(PAGE, "/causeway"))
        expect(text).toContain(`<script src="/causeway/assets/a.js">`)
        expect((yield* get("/causeway", html)).text).toBe(text)
        expect((yield* get("/causeway/assets/a.js")).text).toBe("a()")
        const config = yield* get("/causeway/control-ui-config.json", { authorization: `Bearer ${TestGateway.TOKEN}` })
        expect(JSON.parse(config.text)).toMatchObject({ basePath: "/causeway" })
        expect((yield* get("/settings/devices", html)).status).toBe(404)
        expect((yield* get("/causewayward", html)).status).toBe(404)
      }),
    )
  })

  it.live("Without a configured folder, there is no page.", () =>
    Effect.gen(function* () {
      expect((yield* get("/chat", html)).status).toBe(404)
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("The gateway does not start with an empty folder, and the error names the problem.", () =>
    Effect.gen(function* () {
      const controlUiDir = yield* temporaryFolder
      const error = yield* Effect.flip(Effect.scoped(Layer.build(TestGateway.layer({ controlUiDir }))))
      expect(String(error)).toContain("there is no Control UI in")
    }),
  )

  it("Only inline scripts are in the policy.", () => {
    expect(inlineScripts(PAGE)).toEqual(["go()"])
    expect(inlineScripts(`<script src="a"></script><script>write("<script>")</script><script>`)).toEqual([
      'write("<script>")',
    ])
    expect(inlineScripts("<script ".repeat(100_000))).toEqual([])
    expect(contentSecurityPolicy("")).toContain("script-src 'self' 'wasm-unsafe-eval';")
  })

  it.prop("No path names a file that begins with a dot or is outside of the folder.", [Schema.String], ([path]) => {
    const target = targetOf(path)
    if (target._tag !== "File") return
    expect(target.name.split("/").some((segment) => segment === "" || segment.startsWith("."))).toBe(false)
  })
})
