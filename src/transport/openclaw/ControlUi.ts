/**
 * OpenClaw's Control UI, where its folder is configured: static files with the page for every path that is none of the
 * gateway's own, the configuration that it asks for before it connects, and the policy that it runs under. The files are
 * not part of this gateway.
 */
import { createHash } from "node:crypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpStaticServer from "effect/http/HttpStaticServer"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { VERSION } from "../../domain/Version.ts"
import * as HttpAccess from "../HttpAccess.ts"

/** Where generations of the page ask for it. */
const CONFIG_PATHS = [
  "/control-ui-config.json",
  "/__openclaw/control-ui-config.json",
  "/__openclaw__/control-ui-config.json",
] as const

const pageConfig = {
  basePath: "",
  assistantName: "Assistant",
  assistantAvatar: "A",
  assistantAgentId: MAIN_AGENT,
  serverVersion: VERSION,
}

/** The page's own scripts within its text, which its policy lets run by their hashes alone. */
export const inlineScripts = (html: string): ReadonlyArray<string> =>
  Array.from(html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g), ([, script]) => script ?? "")

const hashOf = (script: string): string => `'sha256-${createHash("sha256").update(script).digest("base64")}'`

/** Nothing runs, frames or is framed but what comes from here. */
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

const protection = (html: string) => ({
  "content-security-policy": contentSecurityPolicy(html),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
})

const missing = (folder: string) =>
  new StartupError({
    problem: `there is no Control UI in ${folder}`,
    remedy: "set controlUiDir to the folder dist/control-ui of the openclaw package, or leave it out",
  })

const serve = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const router = yield* HttpRouter.HttpRouter
  const access = yield* HttpAccess.make
  const html = yield* Effect.mapError(fs.readFileString(path.join(folder, "index.html")), () => missing(folder))
  const files = yield* Effect.mapError(
    HttpStaticServer.make({ root: folder, spa: true, cacheControl: "no-cache" }),
    () => missing(folder),
  )
  const headers = protection(html)
  const config = (request: HttpServerRequest) =>
    Effect.match(access(request), {
      onFailure: (refusal) => refusal,
      onSuccess: () => HttpServerResponse.jsonUnsafe(pageConfig, { headers }),
    })
  yield* router.addAll([
    ...CONFIG_PATHS.map((path) => HttpRouter.route("GET", path, config)),
    HttpRouter.route("GET", "/*", Effect.map(files, HttpServerResponse.setHeaders(headers))),
  ])
})

/** Without effect where no folder is configured. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(GatewayConfig, ({ controlUiDir }) => (controlUiDir === undefined ? Effect.void : serve(controlUiDir))),
).pipe(Layer.provide(NodeHttpServer.layerHttpServices))
