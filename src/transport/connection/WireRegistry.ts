/**
 * WireRegistry: the wires by path. Each wire mounts itself; http/Upgrades.ts looks up the wire of a request,
 * http/FallbackRoute.ts recognizes WebSocket paths, and http/Pages.ts lists them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { normalizePath } from "./RequestTarget.ts"
import type { Wire } from "./Wire.ts"

/** No path of a URL looks like this. */
const FALLBACK = "*"

export class WireRegistry extends Context.Service<
  WireRegistry,
  {
    /**
     * Mounts the wire at the path, with or without a trailing slash, until the scope closes. `purpose`: a name for people,
     * e.g. `JSON-RPC 2.0 (WebSocket)`. Without one, the page of the root leaves the path out.
     */
    mount(path: string, wire: Wire, purpose?: string): Effect.Effect<void, never, Scope.Scope>
    /** Mounts the wire at all paths that no other wire has, until the scope closes. */
    mountFallback(wire: Wire, purpose?: string): Effect.Effect<void, never, Scope.Scope>
    /** Returns the paths of the wires that have a purpose, with the purpose. */
    readonly purposes: () => ReadonlyArray<readonly [path: string, purpose: string]>
    /** Returns the wire for a path in the form that `pathOf` of RequestTarget.ts returns. */
    readonly at: (path: string) => Wire | undefined
    /** Whether a wire is mounted at exactly this path. */
    readonly isMounted: (path: string) => boolean
  }
>()("causeway/transport/connection/WireRegistry") {
  static readonly layer: Layer.Layer<WireRegistry> = Layer.sync(WireRegistry, () => {
    const table = new Map<string, Wire>()
    const purposes = new Map<string, string>()
    const mount = (path: string, wire: Wire, purpose: string | undefined) =>
      Effect.acquireRelease(
        Effect.suspend(() =>
          table.has(path)
            ? Effect.die(new Error(`two wires at ${path === FALLBACK ? "all other paths" : path}: mount one elsewhere`))
            : Effect.sync(() => {
                table.set(path, wire)
                if (purpose !== undefined) purposes.set(path, purpose)
              }),
        ),
        () =>
          Effect.sync(() => {
            table.delete(path)
            purposes.delete(path)
          }),
      )
    return WireRegistry.of({
      mount: (path, wire, purpose) => mount(normalizePath(path), wire, purpose),
      mountFallback: (wire, purpose) => mount(FALLBACK, wire, purpose),
      purposes: () => Array.from(purposes, ([path, purpose]) => [path === FALLBACK ? "/" : path, purpose]),
      at: (path) => table.get(path) ?? table.get(FALLBACK),
      isMounted: (path) => table.has(path),
    })
  })
}
