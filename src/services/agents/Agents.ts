/**
 * The agents. The database stores them; reads come from memory. The agent `main` always exists. TurnRunner, Sessions,
 * ChatCommands, System and the handlers of `agents.*` use it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Agent, AgentExists, AgentNotFound, AgentProtected, MAIN_AGENT, normalizeAgentId } from "../../domain/Agent.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { bindingsChanged } from "./Bindings.ts"
import { Events } from "../events/Events.ts"
import { Tx } from "../storage/Tx.ts"

/** The settings to change. Settings that you leave out stay as they are. An empty `model` or `runtime` means the default. */
export type AgentChanges = Partial<Omit<Agent, "id" | "createdAt" | "updatedAt">>

export class Agents extends Context.Service<
  Agents,
  {
    /** Returns all agents in the order of creation, `main` first. */
    readonly all: () => ReadonlyArray<Agent>
    get(id: string): Effect.Effect<Agent, AgentNotFound>
    /**
     * Creates an agent. Without an id, the gateway derives one from the name. The default settings are: no personality, the
     * default model and runtime, `dmScope` `per-peer`. Fails with `AgentExists` if the id is in use, and with
     * `LimitReached` above `limits.agents`.
     */
    create(
      agent: AgentChanges & { readonly id?: string; readonly name: string },
    ): Effect.Effect<Agent, AgentExists | LimitReached | StorageUnavailable>
    /** Changes the settings and returns the agent. Publishes no event if nothing changes. */
    update(id: string, changes: AgentChanges): Effect.Effect<Agent, AgentNotFound | StorageUnavailable>
    /**
     * Removes the agent and its bindings, and returns the number of these bindings. Its sessions stay. Fails with
     * `AgentProtected` for `main`.
     */
    remove(id: string): Effect.Effect<number, AgentNotFound | AgentProtected | StorageUnavailable>
  }
>()("causeway/services/agents/Agents") {
  static readonly layer: Layer.Layer<Agents, StorageUnavailable, Events | GatewayConfig> = Layer.effect(
    Agents,
    Effect.gen(function* () {
      const events = yield* Events
      const { agents: max } = (yield* GatewayConfig).limits
      const agents = new Map<string, Agent>()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "AgentChanged") agents.set(event.agent.id, event.agent)
        if (event._tag === "AgentRemoved") agents.delete(event.agentId)
      })
      const stored = yield* events.read(Effect.flatMap(Tx, ({ agents }) => agents.all))
      for (const agent of stored) agents.set(agent.id, agent)

      const get = Effect.fn("Agents.get")(function* (id: string) {
        return agents.get(id) ?? (yield* new AgentNotFound({ agentId: id }))
      })

      const create = Effect.fn("Agents.create")(function* ({
        id,
        ...settings
      }: AgentChanges & { readonly id?: string; readonly name: string }) {
        const now = yield* Clock.currentTimeMillis
        const agent: Agent = {
          ...defaults,
          ...settings,
          id: normalizeAgentId(id ?? settings.name),
          createdAt: now,
          updatedAt: now,
        }
        const work = Effect.gen(function* () {
          const { agents } = yield* Tx
          if ((yield* agents.get(agent.id)) !== undefined) return yield* new AgentExists({ agentId: agent.id })
          if (agent.id !== MAIN_AGENT && (yield* agents.countOthers) >= max)
            return yield* LimitReached.of("agents", max)
          yield* agents.put(agent)
          return [agent, [agentChanged(agent)]] as const
        })
        return yield* events.commit(work)
      })

      const update = Effect.fn("Agents.update")(function* (id: string, changes: AgentChanges) {
        const now = yield* Clock.currentTimeMillis
        const work = Effect.gen(function* () {
          const { agents } = yield* Tx
          const before = yield* agents.get(id)
          if (before === undefined) return yield* new AgentNotFound({ agentId: id })
          const after = { ...before, ...changes }
          if (same(before, after)) return [before, []] as const
          const agent = { ...after, updatedAt: now }
          yield* agents.put(agent)
          return [agent, [agentChanged(agent)]] as const
        })
        return yield* events.commit(work)
      })

      const remove = Effect.fn("Agents.remove")(function* (id: string) {
        if (id === MAIN_AGENT) return yield* new AgentProtected({ agentId: id })
        const work = Effect.gen(function* () {
          const bindings = yield* (yield* Tx).agents.remove(id)
          if (bindings === undefined) return yield* new AgentNotFound({ agentId: id })
          const removed: KeptEvent = { _tag: "AgentRemoved", agentId: id }
          const events = bindings.length === 0 ? [removed] : [bindingsChanged({ removed: bindings }), removed]
          return [bindings.length, events] as const
        })
        return yield* events.commit(work)
      })

      if (!agents.has(MAIN_AGENT)) {
        yield* create({ id: MAIN_AGENT, name: "Main" }).pipe(
          Effect.catchTag(["AgentExists", "LimitReached"], Effect.die),
        )
      }

      return Agents.of({ all: () => [...agents.values()], get, create, update, remove })
    }),
  )
}

const defaults = { personality: "", model: "", runtime: "", dmScope: "per-peer" } as const

const same = Schema.toEquivalence(Agent)

const agentChanged = (agent: Agent): KeptEvent => ({ _tag: "AgentChanged", agent })
