/**
 * Bindings: the rules that claim conversations for agents. Kept in the database, read from memory; applied by the
 * pure functions of domain/Routing.ts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { DatabaseSync } from "node:sqlite"
import { AgentNotFound } from "../domain/Agent.ts"
import { Binding, BindingUnreachable } from "../domain/Binding.ts"
import { inOrder } from "../domain/Routing.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { Events } from "./Events.ts"
import { Sqlite } from "./Sqlite.ts"

export class Bindings extends Context.Service<
  Bindings,
  {
    /** In the order in which they are asked. */
    readonly all: () => ReadonlyArray<Binding>
    /** Left out: the default binding (`default`, `*`), the tier of its key, priority 0. */
    set(
      binding: { readonly agentId: string } & Partial<Omit<Binding, "agentId">>,
    ): Effect.Effect<Binding, AgentNotFound | BindingUnreachable | StorageUnavailable>
    remove(binding: Pick<Binding, "agentId" | "matchKey" | "matchValue">): Effect.Effect<boolean, StorageUnavailable>
  }
>()("causeway/services/Bindings") {
  static readonly layer: Layer.Layer<Bindings, never, Events | Sqlite> = Layer.effect(
    Bindings,
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const events = yield* Events
      let bindings: ReadonlyArray<Binding> = []
      yield* events.observe(({ event }) => {
        if (event._tag === "BindingsChanged") bindings = event.bindings
      })
      bindings = bindingsOf(db)

      const set = Effect.fn("Bindings.set")(function* (given: Parameters<Bindings["Service"]["set"]>[0]) {
        const binding = withDefaults(given)
        if (binding.tier !== tierOf[binding.matchKey]) return yield* new BindingUnreachable(binding)
        const answer = yield* events.commit<Result.Result<Binding, AgentNotFound>>((db) => {
          if (db.prepare("SELECT 1 FROM agents WHERE id = ?").get(binding.agentId) === undefined) {
            return [Result.fail(new AgentNotFound({ agentId: binding.agentId })), []]
          }
          const { changes } = db
            .prepare(
              `INSERT INTO bindings (agent_id, tier, match_key, match_value, priority) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET priority = excluded.priority WHERE priority <> excluded.priority`,
            )
            .run(binding.agentId, binding.tier, binding.matchKey, binding.matchValue, binding.priority)
          return [Result.succeed(binding), changes === 0 ? [] : [bindingsChanged(db)]]
        })
        return yield* Effect.fromResult(answer)
      })

      const remove = Effect.fn("Bindings.remove")(function* (
        binding: Pick<Binding, "agentId" | "matchKey" | "matchValue">,
      ) {
        return yield* events.commit((db) => {
          const { changes } = db
            .prepare("DELETE FROM bindings WHERE agent_id = ? AND match_key = ? AND match_value = ?")
            .run(binding.agentId, binding.matchKey, binding.matchValue)
          return [changes > 0, changes === 0 ? [] : [bindingsChanged(db)]]
        })
      })

      return Bindings.of({ all: () => bindings, set, remove })
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

const decodeRows = Schema.decodeUnknownSync(Schema.Array(Binding))

const bindingsOf = (db: DatabaseSync): ReadonlyArray<Binding> =>
  inOrder(
    decodeRows(
      db
        .prepare(
          `SELECT agent_id AS agentId, tier, match_key AS matchKey, match_value AS matchValue, priority
           FROM bindings ORDER BY rowid`,
        )
        .all(),
    ),
  )

/** The event that tells how the bindings stand within the running transaction. */
export const bindingsChanged = (db: DatabaseSync) => ({ _tag: "BindingsChanged", bindings: bindingsOf(db) }) as const
