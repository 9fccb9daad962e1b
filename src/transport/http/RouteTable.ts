/**
 * RouteTable: records the methods of each path of the HTTP router. The router itself cannot tell a wrong method from an
 * unknown path, so GatewayServer.ts looks here before FallbackRoute.ts answers 405 or 404.
 */
import * as FindMyWay from "effect/http/FindMyWay"
import * as HttpMethod from "effect/http/HttpMethod"
import * as HttpRouter from "effect/http/HttpRouter"
import { withoutTrailing } from "../../domain/Text.ts"

export class RouteTable {
  readonly #routes: FindMyWay.Router<true>

  constructor(config: Partial<FindMyWay.RouterConfig>) {
    this.#routes = FindMyWay.make<true>(config)
  }

  /** Wraps the router, so that this table records each route that is added to it. */
  recording(router: HttpRouter.HttpRouter, prefix = ""): HttpRouter.HttpRouter {
    return HttpRouter.HttpRouter.of({
      ...router,
      prefixed: (more) => this.recording(router.prefixed(more), prefix + withoutTrailing(more, "/")),
      add: (method, path, handler, options) => {
        this.#record(method, prefix, path)
        return router.add(method, path, handler, options)
      },
      addAll: (routes) => {
        for (const { method, path } of routes) this.#record(method, prefix, path)
        return router.addAll(routes)
      },
    })
  }

  /** Returns the methods of a path. A `GET` route also answers `HEAD`. */
  methodsAt(url: string): ReadonlyArray<string> {
    const methods = new Set<string>(
      [...HttpMethod.all].filter((method) => this.#routes.find(method, url) !== undefined),
    )
    if (methods.has("GET")) methods.add("HEAD")
    return [...methods].toSorted()
  }

  #record(method: HttpMethod.HttpMethod | "*", prefix: string, path: string): void {
    const whole = (path === "*" ? `${prefix}/*` : prefix + path) as FindMyWay.PathInput
    const paths = whole.endsWith("/*") ? [whole, whole.slice(0, -2) as FindMyWay.PathInput] : [whole]
    for (const each of paths) {
      if (each.length === 0) continue
      if (method === "*") this.#routes.all(each, true)
      else this.#routes.on(method, each, true)
    }
  }
}
