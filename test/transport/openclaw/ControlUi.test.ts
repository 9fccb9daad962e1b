/**
 * The Control UI's files on the gateway's port: the answer to each path, the policy of the page, and the access to the
 * page's configuration.
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

describe("the Control UI", () => {
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
    ])("sends its page at %s, with files that are named from the root", (path) =>
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
      "sends the file behind %s",
      (path) =>
        Effect.gen(function* () {
          const { headers, status, text } = yield* get(path)
          expect([status, text, headers.get("content-type")]).toEqual([200, "a()", "text/javascript; charset=utf-8"])
          expect((yield* get(path, {}, "HEAD")).status).toBe(200)
        }),
    )

    it.effect.each(["/assets/b.js", "/sw.js", "/chat/main.css", "/api/nothing", "/__openclaw__/nothing", "/hooks/x"])(
      "answers 404 to %s, because a program asks for it",
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
    ])("serves nothing from outside its folder and no dot file: %s", (path) =>
      Effect.gen(function* () {
        const { status, text } = yield* get(path)
        expect(status).toBe(404)
        expect(text).not.toMatch(/secret\(|dot\(/)
      }),
    )

    it.effect("leaves the gateway's own paths to the gateway", () =>
      Effect.gen(function* () {
        expect(JSON.parse((yield* get("/health", html)).text)).toMatchObject({ ok: true })
        expect((yield* get("/ws", html)).status).toBe(426)
        expect((yield* get("/nowhere", {}, "POST")).status).toBe(404)
      }),
    )

    it.effect("runs its page under a policy that allows the page's own scripts and no others", () =>
      Effect.gen(function* () {
        const { headers } = yield* get("/settings/devices", html)
        expect(headers.get("content-security-policy")).toBe(contentSecurityPolicy(SENT))
        expect(headers.get("x-frame-options")).toBe("DENY")
      }),
    )

    it.effect.each(["/control-ui-config.json", "/__openclaw/control-ui-config.json"])(
      "reads %s with the shared token or the token of a device, and counts neither as wrong",
      (path) =>
        Effect.gen(function* () {
          const devices = yield* Devices
          const candidate = { deviceId: "d1", publicKey: "k", displayName: null, platform: null, deviceFamily: null }
          const of = { ...candidate, clientId: null, clientMode: null, remoteAddress: "127.0.0.1" }
          const operator = yield* devices.issue(of, { role: "operator", scopes: ["operator.read"] })
          const node = yield* devices.issue({ ...of, deviceId: "d2" }, { role: "node", scopes: [] })
          const read = (token: string, method = "GET") => get(path, { authorization: `Bearer ${token}` }, method)
          expect((yield* get(path)).status).toBe(401)
          // More often than a wrong token is forgiven.
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
    it.effect("is below the base path, and names its files and itself by it", () =>
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
    expect(inlineScripts(`<script src="a"></script><script>write("<script>")</script><script>`)).toEqual([
      'write("<script>")',
    ])
    expect(inlineScripts("<script ".repeat(100_000))).toEqual([])
    expect(contentSecurityPolicy("")).toContain("script-src 'self' 'wasm-unsafe-eval';")
  })

  it.prop("asks for no file that climbs out of the folder or begins with a dot", [Schema.String], ([path]) => {
    const asked = targetOf(path)
    if (asked._tag !== "File") return
    expect(asked.name.split("/").some((segment) => segment === "" || segment.startsWith("."))).toBe(false)
  })
})
