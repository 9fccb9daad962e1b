/**
 * ControlUi: serves OpenClaw's Control UI if its folder is configured: its files, its page at every other path, and the
 * page's configuration. The files are not part of this gateway. Mounts.ts uses it.
 */
import { createHash } from "node:crypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpStaticServer from "effect/http/HttpStaticServer"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { VERSION } from "../../domain/Version.ts"
import { Devices } from "../../services/auth/Devices.ts"
import { Pages } from "../http/Pages.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { presentedToken } from "../http/BearerToken.ts"
import * as ControlUiFiles from "./ControlUiFiles.ts"

/** The paths at which the generations of the page read their configuration. */
const CONFIG_PATHS = [
  "/control-ui-config.json",
  "/__openclaw/control-ui-config.json",
  "/__openclaw__/control-ui-config.json",
] as const

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

/**
 * Serves the page's configuration. A paired page sends the token of its device, any other page the shared token. The
 * check for a device token comes first, so that a device token does not count as a wrong shared token.
 */
const configRoutes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { basePath } = yield* GatewayConfig
    const devices = yield* Devices
    const access = yield* HttpAuth.make
    const isAllowed = yield* HttpAuth.pages
    const config = HttpServerResponse.jsonUnsafe(pageConfig(basePath), { headers: protection })

    const unavailable = HttpServerResponse.empty({ status: 503 })

    const answer = Effect.fnUntraced(function* (request: HttpServerRequest) {
      const token = presentedToken(request.headers["authorization"])
      if (isAllowed(request) && token !== undefined) {
        if (yield* Effect.mapError(devices.isOperatorToken(token), () => unavailable)) return config
      }
      return yield* Effect.as(access(request), config)
    }, Effect.catch(Effect.succeed))
    yield* router.addAll(CONFIG_PATHS.map((path) => HttpRouter.route("GET", path, answer)))
  }),
)

/** Serves the Control UI, or nothing if no folder is configured. */
export const layer = Layer.unwrap(
  Effect.map(GatewayConfig, ({ controlUiDir }) =>
    controlUiDir === undefined ? Layer.empty : Layer.mergeAll(Layer.effectDiscard(serve(controlUiDir)), configRoutes),
  ),
).pipe(Layer.provide(NodeHttpServer.layerHttpServices))
