/**
 * Agents: the registry of who answers. Kept in the database, read from memory. `main` is always there.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Agent, AgentExists, AgentNotFound, AgentProtected } from "../domain/Agent.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

export type AgentChanges = Partial<Pick<Agent, "name" | "personality" | "model" | "runtime" | "dmScope">>

export class Agents extends Context.Service<
  Agents,
  {
    /** In the order of creation, `main` first. */
    readonly all: () => ReadonlyArray<Agent>
    get(id: string): Effect.Effect<Agent, AgentNotFound>
    create(
      agent: AgentChanges & { readonly id?: string; readonly name: string },
    ): Effect.Effect<Agent, AgentExists | StorageUnavailable>
    update(id: string, changes: AgentChanges): Effect.Effect<Agent, AgentNotFound | StorageUnavailable>
    /** Removes the agent and its bindings; answers how many bindings went. */
    remove(id: string): Effect.Effect<number, AgentNotFound | AgentProtected | StorageUnavailable>
  }
>()("causeway/services/Agents") {}
