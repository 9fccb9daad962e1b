/**
 * Pages: the pages that browsers get where no route answers. Layers add their own, such as OpenClaw's Control UI. Without
 * one, the root has a text in which each wire and family of routes names itself. FallbackRoute.ts looks pages up.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"

/** Answers GET and HEAD where no route does, or returns `undefined` if it has no page at the path. */
export type Page = (request: HttpServerRequest) => Effect.Effect<HttpServerResponse.HttpServerResponse | undefined>

export class Pages extends Context.Service<
  Pages,
  {
    /** Adds a page until the scope closes. The first page that answers wins. */
    add(page: Page): Effect.Effect<void, never, Scope.Scope>
    /** Names the purpose of a path on the page of the root, until the scope closes. */
    describe(path: string, purpose: string): Effect.Effect<void, never, Scope.Scope>
    /** Returns the page for a request, or `undefined` if no page answers it. */
    find(request: HttpServerRequest): Effect.Effect<HttpServerResponse.HttpServerResponse | undefined>
  }
>()("causeway/transport/http/Pages") {
  static readonly layer: Layer.Layer<Pages, never, GatewayConfig | WireRegistry> = Layer.effect(
    Pages,
    Effect.gen(function* () {
      const { basePath } = yield* GatewayConfig
      const wires = yield* WireRegistry
      const pages = new Set<Page>()
      const routes = new Map<string, string>()

      const home = Effect.sync(() => {
        const row = ([path, purpose]: readonly [string, string]) => `  ${(basePath + path).padEnd(20)}  ${purpose}\n`
        return HttpServerResponse.text(
          "This is a Causeway gateway. It serves programs rather than browsers:\n\n" +
            [...wires.purposes(), ...routes].map(row).join("") +
            '\nTalk to it from a terminal: causeway send "hello"\n',
        )
      })

      return Pages.of({
        add: (page) =>
          Effect.acquireRelease(
            Effect.sync(() => pages.add(page)),
            () => Effect.sync(() => pages.delete(page)),
          ),
        describe: (path, purpose) =>
          Effect.acquireRelease(
            Effect.sync(() => routes.set(path, purpose)),
            () => Effect.sync(() => routes.delete(path)),
          ),
        find: Effect.fnUntraced(function* (request) {
          for (const page of pages) {
            const found = yield* page(request)
            if (found !== undefined) return found
          }
          return pathOf(request.url) === "/" ? yield* home : undefined
        }),
      })
    }),
  )
}
