/**
 * The agents. The database stores them; reads come from memory. The agent `main` always exists. TurnRunner, Sessions,
 * ChatCommands, System and the handlers of `agents.*` use it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { Agent, AgentExists, AgentNotFound, AgentProtected, MAIN_AGENT, normalizeAgentId } from "../../domain/Agent.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { removeBindingsTo } from "./Bindings.ts"
import { Events } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"

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
  static readonly layer: Layer.Layer<Agents, StorageUnavailable, Events | GatewayConfig | Sqlite> = Layer.effect(
    Agents,
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const events = yield* Events
      const { agents: max } = (yield* GatewayConfig).limits
      const agents = new Map<string, Agent>()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "AgentChanged") agents.set(event.agent.id, event.agent)
        if (event._tag === "AgentRemoved") agents.delete(event.agentId)
      })
      for (const agent of allStored(db)) agents.set(agent.id, agent)

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
        const result = yield* events.commit<Result.Result<Agent, AgentExists | LimitReached>>((db) => {
          if (stored(db, agent.id) !== undefined) return [Result.fail(new AgentExists({ agentId: agent.id })), []]
          if (agent.id !== MAIN_AGENT && countOthers(db) >= max)
            return [Result.fail(LimitReached.of("agents", max)), []]
          write(db, agent)
          return [Result.succeed(agent), [agentChanged(agent)]]
        })
        return yield* Effect.fromResult(result)
      })

      const update = Effect.fn("Agents.update")(function* (id: string, changes: AgentChanges) {
        const now = yield* Clock.currentTimeMillis
        const result = yield* events.commit<Result.Result<Agent, AgentNotFound>>((db) => {
          const before = stored(db, id)
          if (before === undefined) return [Result.fail(new AgentNotFound({ agentId: id })), []]
          const after = { ...before, ...changes }
          if (same(before, after)) return [Result.succeed(before), []]
          const agent = { ...after, updatedAt: now }
          write(db, agent)
          return [Result.succeed(agent), [agentChanged(agent)]]
        })
        return yield* Effect.fromResult(result)
      })

      const remove = Effect.fn("Agents.remove")(function* (id: string) {
        if (id === MAIN_AGENT) return yield* new AgentProtected({ agentId: id })
        const result = yield* events.commit<Result.Result<number, AgentNotFound>>((db) => {
          if (db.prepare("DELETE FROM agents WHERE id = ?").run(id).changes === 0) {
            return [Result.fail(new AgentNotFound({ agentId: id })), []]
          }
          const bindings = removeBindingsTo(db, id)
          return [Result.succeed(bindings.count), [...bindings.events, { _tag: "AgentRemoved", agentId: id }]]
        })
        return yield* Effect.fromResult(result)
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

const COLUMNS = `id, name, personality, model, runtime, dm_scope AS dmScope,
  options, created_at AS createdAt, updated_at AS updatedAt`

const decode = Schema.decodeUnknownSync(Agent)

/** The column `options` holds the settings that an agent need not have, as JSON. */
const toAgent = ({ options, ...row }: Record<string, SQLOutputValue>): Agent =>
  decode({ ...row, ...JSON.parse(String(options)) })

const optionsOf = ({ documents, fallbacks, queue, thinking, tools }: Agent): string =>
  JSON.stringify({ documents, fallbacks, queue, thinking, tools })

const allStored = (db: DatabaseSync): ReadonlyArray<Agent> =>
  db.prepare(`SELECT ${COLUMNS} FROM agents ORDER BY id <> ?, rowid`).all(MAIN_AGENT).map(toAgent)

const stored = (db: DatabaseSync, id: string): Agent | undefined => {
  const row = db.prepare(`SELECT ${COLUMNS} FROM agents WHERE id = ?`).get(id)
  return row === undefined ? undefined : toAgent(row)
}

const countOthers = (db: DatabaseSync): number =>
  Number(db.prepare("SELECT count(*) AS n FROM agents WHERE id <> ?").get(MAIN_AGENT)?.["n"])

const write = (db: DatabaseSync, agent: Agent): void => {
  const { createdAt, dmScope, id, model, name, personality, runtime, updatedAt } = agent
  db.prepare(
    `INSERT INTO agents (id, name, personality, model, runtime, dm_scope, options, created_at, updated_at)
     VALUES (:id, :name, :personality, :model, :runtime, :dmScope, :options, :createdAt, :updatedAt)
     ON CONFLICT DO UPDATE SET name = excluded.name, personality = excluded.personality, model = excluded.model,
       runtime = excluded.runtime, dm_scope = excluded.dm_scope, options = excluded.options, updated_at = excluded.updated_at`,
  ).run({ id, name, personality, model, runtime, dmScope, options: optionsOf(agent), createdAt, updatedAt })
}
