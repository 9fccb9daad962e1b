/**
 * ControlUi: serves OpenClaw's Control UI if its folder is configured: its files, its page at every other path, and the
 * page's configuration. The files are not part of this gateway. Mounts.ts uses it.
 */
import { createHash } from "node:crypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpStaticServer from "effect/http/HttpStaticServer"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { VERSION } from "../../domain/Version.ts"
import { Devices } from "../../services/auth/Devices.ts"
import { clientAddress, proxiesOf } from "../connection/ClientAddress.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { Pages } from "../http/Pages.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { presentedToken } from "../http/BearerToken.ts"
import * as ControlUiFiles from "./ControlUiFiles.ts"

/** Paths that programs use. A program gets 404 for an unknown path, never the page. */
const PROGRAM_PATHS = /^\/(?:api|hooks|mcp|v1|__openclaw|__openclaw__)(?:\/|$)/

const takesPages = ({ headers: { accept = "*/*" } }: HttpServerRequest): boolean =>
  accept.includes("text/html") || accept.includes("*/*")

const pageConfig = (basePath: string) => ({
  basePath,
  assistantName: "Assistant",
  assistantAvatar: "A",
  assistantAgentId: MAIN_AGENT,
  serverVersion: VERSION,
  terminalEnabled: false,
  cliAgentsEnabled: false,
  embedSandbox: "strict",
  allowExternalEmbedUrls: false,
  automaticallyFetchFavicons: false,
  communityInvite: false,
  pluginAssetsRequireAuth: true,
  pluginFrameGrants: [],
})

/** Returns the inline scripts of the page. The policy allows them by their hashes. */
export const inlineScripts = (html: string): ReadonlyArray<string> => {
  const scripts: Array<string> = []
  let begin = html.indexOf("<script")
  while (begin !== -1) {
    const open = html.indexOf(">", begin)
    const close = open === -1 ? -1 : html.indexOf("</script>", open)
    if (close === -1) break
    if (!/\ssrc=/.test(html.slice(begin, open))) scripts.push(html.slice(open + 1, close))
    begin = html.indexOf("<script", close)
  }
  return scripts
}

const hashOf = (script: string): string => `'sha256-${createHash("sha256").update(script).digest("base64")}'`

/** Returns a policy that allows scripts of this origin and the page's inline scripts, and no frames around the page. */
export const contentSecurityPolicy = (html: string): string =>
  [
    "default-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...inlineScripts(html).map(hashOf)].join(" "),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob: https:",
    "media-src 'self' data: blob:",
    "worker-src 'self'",
    "connect-src 'self' ws: wss: data:",
  ].join("; ")

/** HttpGuard.ts adds the headers that all responses have. */
const protection = { "cache-control": "no-cache", "x-frame-options": "DENY" }

const missing = (folder: string) =>
  new StartupError({
    problem: `there is no Control UI in ${folder}`,
    remedy: "set controlUiDir to the folder dist/control-ui of the openclaw package, or leave it out",
  })

const serve = Effect.fnUntraced(function* (folder: string) {
  const { basePath } = yield* GatewayConfig
  const fs = yield* FileSystem.FileSystem
  const pages = yield* Pages
  const find = yield* Effect.mapError(ControlUiFiles.make(folder), () => missing(folder))
  const files = yield* Effect.mapError(HttpStaticServer.make({ root: folder, index: undefined }), () => missing(folder))
  if ((yield* find("index.html")) === undefined) return yield* missing(folder)

  /** Reads the page for each request, because an update of the package replaces the page and renames its scripts. */
  const page = Effect.gen(function* () {
    const index = yield* find("index.html")
    if (index === undefined) return undefined
    const html = ControlUiFiles.rooted(yield* fs.readFileString(index.path), basePath)
    return HttpServerResponse.text(html, {
      contentType: "text/html; charset=utf-8",
      headers: { ...protection, "content-security-policy": contentSecurityPolicy(html) },
    })
  }).pipe(Effect.orElseSucceed(() => undefined))

  const file = Effect.fnUntraced(
    function* (request: HttpServerRequest, name: string) {
      const found = yield* find(name)
      if (found === undefined) return undefined
      const fileRequest = request.modify({ url: `/${found.name.split("/").map(encodeURIComponent).join("/")}` })
      const response = yield* Effect.provideService(files, HttpServerRequest, fileRequest)
      return HttpServerResponse.setHeaders(response, {
        ...protection,
        "content-security-policy": contentSecurityPolicy(""),
      })
    },
    Effect.orElseSucceed(() => undefined),
  )

  yield* pages.add((request) => {
    const path = pathOf(request.url)
    if (PROGRAM_PATHS.test(path)) return Effect.undefined
    const target = ControlUiFiles.targetOf(path)
    switch (target._tag) {
      case "Page":
        return takesPages(request) ? page : Effect.undefined
      case "File":
        return file(request, target.name)
      case "NotFound":
        return Effect.undefined
    }
  })
})

/** The principal of pages that send the token of a paired device. They read their configuration and no more. */
const PAIRED: Principal = { id: "control-ui", kind: "device", role: "operator", scopes: [] }

const unavailable = HttpServerResponse.empty({ status: 503 })

/**
 * Authenticates a paired page by the token of its device, and any other page by the gateway's token. The check for a
 * device token comes first, so that a device token does not count as a wrong token of the gateway.
 */
const access = Effect.gen(function* () {
  const devices = yield* Devices
  const byToken = yield* HttpAuth.make
  const isAllowed = yield* HttpAuth.pages
  const proxies = proxiesOf(yield* GatewayConfig)
  const authenticate: HttpAuth.Access = Effect.fnUntraced(function* (request) {
    const { headers, remoteAddress } = request
    const token = presentedToken(headers["authorization"])
    if (token === undefined || !isAllowed(request)) return yield* byToken(request)
    const isPaired = yield* Effect.mapError(devices.isOperatorToken(token), () => unavailable)
    if (!isPaired) return yield* byToken(request)
    return { principal: PAIRED, remoteAddress: clientAddress(proxies, Option.getOrUndefined(remoteAddress), headers) }
  })
  return authenticate
})

const configRoute = (prefix: `/${string}`) =>
  ApiRoutes.layer({
    prefix,
    access,
    routes: Effect.gen(function* () {
      const { basePath } = yield* GatewayConfig
      const config = HttpServerResponse.jsonUnsafe(pageConfig(basePath), { headers: protection })
      return [{ method: "GET", path: "", handle: () => Effect.succeed(config) }]
    }),
  })

/** Serves the page's configuration at the paths at which the generations of the page read it. */
const configRoutes = Layer.mergeAll(
  configRoute("/control-ui-config.json"),
  configRoute("/__openclaw/control-ui-config.json"),
  configRoute("/__openclaw__/control-ui-config.json"),
)

/** Serves the Control UI, or nothing if no folder is configured. */
export const layer = Layer.unwrap(
  Effect.map(GatewayConfig, ({ controlUiDir }) =>
    controlUiDir === undefined ? Layer.empty : Layer.mergeAll(Layer.effectDiscard(serve(controlUiDir)), configRoutes),
  ),
).pipe(Layer.provide(NodeHttpServer.layerHttpServices))
