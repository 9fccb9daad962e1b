/**
 * The registry of the kinds of model providers. Kinds are Layers that add themselves to it, so merged Layers never lose
 * one. ModelProviders finds the kind of a provider here.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ProviderKind } from "./ModelProvider.ts"

export class ProviderKinds extends Context.Service<
  ProviderKinds,
  {
    /** Adds the kind under its name until the scope closes. Dies if another kind has the name. */
    add(kind: ProviderKind): Effect.Effect<void, never, Scope.Scope>
    /** Returns `undefined` if no kind has the name. */
    readonly get: (name: string) => ProviderKind | undefined
    /** Returns the names in the order in which the kinds were added. */
    readonly names: () => ReadonlyArray<string>
  }
>()("causeway/services/models/ProviderKinds") {
  /** The empty registry. */
  static readonly layer: Layer.Layer<ProviderKinds> = Layer.sync(ProviderKinds, () => {
    const kinds = new Map<string, ProviderKind>()
    return ProviderKinds.of({
      add: (kind) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.suspend(() =>
              kinds.has(kind.name)
                ? Effect.die(new Error(`Two kinds of providers have the name "${kind.name}". Rename one of them.`))
                : Effect.sync(() => kinds.set(kind.name, kind)),
            ),
            () => Effect.sync(() => kinds.delete(kind.name)),
          ),
        ),
      get: (name) => kinds.get(name),
      names: () => [...kinds.keys()],
    })
  })

  /** A Layer that adds the kinds to the registry. */
  static readonly add = (...kinds: ReadonlyArray<ProviderKind>): Layer.Layer<never, never, ProviderKinds> =>
    Layer.effectDiscard(
      Effect.flatMap(ProviderKinds, ({ add }) => Effect.forEach(kinds, (kind) => add(kind), { discard: true })),
    )

  /** A Layer that adds a kind whose code `load` imports at the first use. */
  static readonly addLazy = (
    name: string,
    load: () => Promise<Pick<ProviderKind, "make">>,
  ): Layer.Layer<never, never, ProviderKinds> =>
    ProviderKinds.add({ name, make: (provider) => Effect.flatMap(Effect.promise(load), ({ make }) => make(provider)) })
}
