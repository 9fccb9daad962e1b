/**
 * Bindings: the rules that claim conversations for agents. Kept in the database, read from memory; applied by the
 * pure functions of domain/Routing.ts.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AgentNotFound } from "../domain/Agent.ts"
import type { Binding, BindingUnreachable } from "../domain/Binding.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

export class Bindings extends Context.Service<
  Bindings,
  {
    /** In the order in which they are asked. */
    readonly all: () => ReadonlyArray<Binding>
    set(
      binding: { readonly agentId: string } & Partial<Omit<Binding, "agentId">>,
    ): Effect.Effect<Binding, AgentNotFound | BindingUnreachable | StorageUnavailable>
    remove(binding: Pick<Binding, "agentId" | "matchKey" | "matchValue">): Effect.Effect<boolean, StorageUnavailable>
  }
>()("causeway/services/Bindings") {}
