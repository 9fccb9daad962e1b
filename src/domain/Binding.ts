/**
 * Bindings: rules that say which agent answers which conversations. How they are applied is Routing.ts.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound } from "./Agent.ts"
import { ID_CHARS, text } from "./Bounds.ts"
import { LimitReached } from "./Limits.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"
import { Summary } from "./Summary.ts"

/** What a binding looks at in a message. */
export const MatchKey = Schema.Literals(["peer_id", "guild_id", "account_id", "channel", "default"])

/** Which binding goes first: 1 peer, 2 guild, 3 account, 4 channel, 5 default. */
export const Tier = Schema.Literals([1, 2, 3, 4, 5])

/** Lets an agent answer what matches: see Routing.ts for the order. */
export const Binding = Schema.Struct({
  agentId: Schema.String,
  /** 1 peer, 2 guild, 3 account, 4 channel, 5 default: a binding matches only if tier and key agree. */
  tier: Tier,
  matchKey: MatchKey,
  matchValue: text(ID_CHARS),
  /** Among bindings of one tier the higher goes first. */
  priority: Schema.Int,
}).annotate({ identifier: "Binding" })
export type Binding = typeof Binding.Type

/** One line for people, e.g. `[peer] peer_id=telegram:42 -> agent:luna (pri=0)`. */
export const describe = (binding: Binding): string =>
  `[${["peer", "guild", "account", "channel", "default"][binding.tier - 1]}] ${binding.matchKey}=${binding.matchValue} -> agent:${binding.agentId} (pri=${binding.priority})`

/** The tier and the key contradict each other, so that the binding could never match. */
export class BindingUnreachable extends Schema.TaggedError<BindingUnreachable>()("BindingUnreachable", {
  tier: Schema.Int,
  matchKey: MatchKey,
}) {}

const list = Rpc.make("bindings.list", {
  payload: {},
  /** In the order in which they are asked. */
  success: Schema.Struct({ bindings: Schema.Array(Binding) }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "All bindings, in the order in which they are asked.")

const set = Rpc.make("bindings.set", {
  payload: {
    agentId: AgentId,
    /** Left out: the tier of the key. */
    tier: Schema.optionalKey(Tier),
    matchKey: Schema.optionalKey(MatchKey),
    matchValue: Schema.optionalKey(text(ID_CHARS)),
    priority: Schema.optionalKey(Schema.Int),
  },
  /** A binding with the same agent, key and value is replaced. */
  success: Binding,
  error: Schema.Union([AgentNotFound, BindingUnreachable, LimitReached, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(
    Summary,
    "Makes a binding, or replaces the one with the same agent, key and value. Alone, an agent becomes the default.",
  )

const remove = Rpc.make("bindings.remove", {
  payload: { agentId: AgentId, matchKey: MatchKey, matchValue: text(ID_CHARS) },
  success: Schema.Struct({ removed: Schema.Boolean }),
  error: StorageUnavailable,
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Removes a binding.")

export const BindingRpcs = RpcGroup.make(list, set, remove).middleware(Authorized)
