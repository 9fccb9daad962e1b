/**
 * The bindings: rules that assign messages to agents. The database stores them; reads come from memory. domain/Routing.ts
 * applies them. Sessions, System and the handlers of `bindings.*` use this module, and so do programs that embed the
 * gateway.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AgentNotFound } from "../../domain/Agent.ts"
import { type Binding, BindingUnreachable } from "../../domain/Binding.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import { inOrder } from "../../domain/Routing.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import type { BindingKey } from "../storage/RegistryStores.ts"
import { Tx } from "../storage/Tx.ts"

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
    remove(key: BindingKey): Effect.Effect<boolean, StorageUnavailable>
  }
>()("causeway/services/agents/Bindings") {
  static readonly layer: Layer.Layer<Bindings, StorageUnavailable, Events | GatewayConfig> = Layer.effect(
    Bindings,
    Effect.gen(function* () {
      const events = yield* Events
      const { bindings: max } = (yield* GatewayConfig).limits
      const bindings = new BindingList()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "BindingsChanged") bindings.apply(event)
      })
      const stored = yield* events.read(Effect.flatMap(Tx, ({ bindings }) => bindings.all))
      bindings.apply({ set: stored, removed: [] })

      const set = Effect.fn("Bindings.set")(function* (settings: Parameters<Bindings["Service"]["set"]>[0]) {
        const binding = withDefaults(settings)
        if (binding.tier !== tierOf[binding.matchKey]) return yield* new BindingUnreachable(binding)
        const work = Effect.gen(function* () {
          const { agents, bindings } = yield* Tx
          const { agentId } = binding
          if ((yield* agents.get(agentId)) === undefined) return yield* new AgentNotFound({ agentId })
          if ((yield* bindings.get(binding)) === undefined && (yield* bindings.count) >= max) {
            return yield* LimitReached.of("bindings", max)
          }
          const isChanged = yield* bindings.put(binding)
          return [binding, isChanged ? [bindingsChanged({ set: [binding] })] : []] as const
        })
        return yield* events.commit(work)
      })

      const remove = Effect.fn("Bindings.remove")(function* (key: BindingKey) {
        const work = Effect.gen(function* () {
          const removed = yield* (yield* Tx).bindings.remove(key)
          return removed === undefined
            ? ([false, []] as const)
            : ([true, [bindingsChanged({ removed: [removed] })]] as const)
        })
        return yield* events.commit(work)
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

const keyOf = ({ agentId, matchKey, matchValue }: BindingKey): string => JSON.stringify([agentId, matchKey, matchValue])

interface Changes {
  readonly set: ReadonlyArray<Binding>
  readonly removed: ReadonlyArray<Binding>
}

/** Returns the event of a change. Agents publishes it too. */
export const bindingsChanged = ({ removed = [], set = [] }: Partial<Changes>): KeptEvent => ({
  _tag: "BindingsChanged",
  set,
  removed,
})
