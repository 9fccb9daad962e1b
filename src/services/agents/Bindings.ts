/**
 * The bindings: rules that assign messages to agents. The database stores them; reads come from memory. domain/Routing.ts
 * applies them. Sessions, System and the handlers of `bindings.*` use this module, and so do programs that embed the
 * gateway.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { DatabaseSync } from "node:sqlite"
import { AgentNotFound } from "../../domain/Agent.ts"
import { Binding, BindingUnreachable } from "../../domain/Binding.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import { inOrder } from "../../domain/Routing.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"

export class Bindings extends Context.Service<
  Bindings,
  {
    /** Returns all bindings in the order in which routing tries them. */
    readonly all: () => ReadonlyArray<Binding>
    /**
     * Adds a binding, or changes the priority of the binding with the same agent, key and value. Without a key it is the
     * default binding (`default`, `*`); the default priority is 0; the tier follows from the key. Fails with
     * `BindingUnreachable` if the tier contradicts the key, with `AgentNotFound`, and with `LimitReached` above
     * `limits.bindings`. Publishes no event if nothing changes.
     */
    set(
      binding: { readonly agentId: string } & Partial<Omit<Binding, "agentId">>,
    ): Effect.Effect<Binding, AgentNotFound | BindingUnreachable | LimitReached | StorageUnavailable>
    /** Returns whether the binding existed. */
    remove(binding: Pick<Binding, "agentId" | "matchKey" | "matchValue">): Effect.Effect<boolean, StorageUnavailable>
  }
>()("causeway/services/agents/Bindings") {
  static readonly layer: Layer.Layer<Bindings, never, Events | GatewayConfig | Sqlite> = Layer.effect(
    Bindings,
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const events = yield* Events
      const { bindings: max } = (yield* GatewayConfig).limits
      const bindings = new BindingList()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "BindingsChanged") bindings.apply(event)
      })
      bindings.apply({ set: stored(db), removed: [] })

      const set = Effect.fn("Bindings.set")(function* (settings: Parameters<Bindings["Service"]["set"]>[0]) {
        const binding = withDefaults(settings)
        if (binding.tier !== tierOf[binding.matchKey]) return yield* new BindingUnreachable(binding)
        const result = yield* events.commit<Result.Result<Binding, AgentNotFound | LimitReached>>((db) => {
          if (db.prepare("SELECT 1 FROM agents WHERE id = ?").get(binding.agentId) === undefined) {
            return [Result.fail(new AgentNotFound({ agentId: binding.agentId })), []]
          }
          if (find(db, binding) === undefined && count(db) >= max) {
            return [Result.fail(LimitReached.of("bindings", max)), []]
          }
          const { changes } = db
            .prepare(
              `INSERT INTO bindings (agent_id, tier, match_key, match_value, priority) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET priority = excluded.priority WHERE priority <> excluded.priority`,
            )
            .run(binding.agentId, binding.tier, binding.matchKey, binding.matchValue, binding.priority)
          return [Result.succeed(binding), changes === 0 ? [] : [changed({ set: [binding] })]]
        })
        return yield* Effect.fromResult(result)
      })

      const remove = Effect.fn("Bindings.remove")(function* (
        binding: Pick<Binding, "agentId" | "matchKey" | "matchValue">,
      ) {
        return yield* events.commit((db) => {
          const before = find(db, binding)
          if (before === undefined) return [false, []]
          db.prepare("DELETE FROM bindings WHERE agent_id = ? AND match_key = ? AND match_value = ?").run(
            binding.agentId,
            binding.matchKey,
            binding.matchValue,
          )
          return [true, [changed({ removed: [before] })]]
        })
      })

      return Bindings.of({ all: () => bindings.inOrder, set, remove })
    }),
  )
}

const tierOf = { peer_id: 1, guild_id: 2, account_id: 3, channel: 4, default: 5 } as const

const withDefaults = ({
  agentId,
  matchKey = "default",
  tier = tierOf[matchKey],
  matchValue = "*",
  priority = 0,
}: { readonly agentId: string } & Partial<Binding>): Binding => ({ agentId, tier, matchKey, matchValue, priority })

type Key = Pick<Binding, "agentId" | "matchKey" | "matchValue">

/** The bindings in memory. Reading `inOrder` sorts them, so a thousand changes in a row cost one sort. */
class BindingList {
  readonly #byKey = new Map<string, Binding>()
  #inOrder: ReadonlyArray<Binding> | undefined

  get inOrder(): ReadonlyArray<Binding> {
    this.#inOrder ??= inOrder([...this.#byKey.values()])
    return this.#inOrder
  }

  apply({ removed, set }: Changes): void {
    for (const binding of set) this.#byKey.set(keyOf(binding), binding)
    for (const binding of removed) this.#byKey.delete(keyOf(binding))
    this.#inOrder = undefined
  }
}

const keyOf = ({ agentId, matchKey, matchValue }: Key): string => JSON.stringify([agentId, matchKey, matchValue])

interface Changes {
  readonly set: ReadonlyArray<Binding>
  readonly removed: ReadonlyArray<Binding>
}

const changed = ({ removed = [], set = [] }: Partial<Changes>) => ({ _tag: "BindingsChanged", set, removed }) as const

const COLUMNS = "agent_id AS agentId, tier, match_key AS matchKey, match_value AS matchValue, priority"

const decodeRows = Schema.decodeUnknownSync(Schema.Array(Binding))

const stored = (db: DatabaseSync): ReadonlyArray<Binding> =>
  decodeRows(db.prepare(`SELECT ${COLUMNS} FROM bindings ORDER BY rowid`).all())

const find = (db: DatabaseSync, { agentId, matchKey, matchValue }: Key): Binding | undefined =>
  decodeRows(
    db
      .prepare(`SELECT ${COLUMNS} FROM bindings WHERE agent_id = ? AND match_key = ? AND match_value = ?`)
      .all(agentId, matchKey, matchValue),
  )[0]

const count = (db: DatabaseSync): number => Number(db.prepare("SELECT count(*) AS n FROM bindings").get()?.["n"])

/** Removes the bindings of an agent inside a commit. Returns their number and the events for the commit. */
export const removeBindingsTo = (db: DatabaseSync, agentId: string) => {
  const removed = decodeRows(
    db.prepare(`SELECT ${COLUMNS} FROM bindings WHERE agent_id = ? ORDER BY rowid`).all(agentId),
  )
  db.prepare("DELETE FROM bindings WHERE agent_id = ?").run(agentId)
  return { count: removed.length, events: removed.length === 0 ? [] : [changed({ removed })] }
}
