/**
 * Bindings: rules that say which agent answers which messages, with the methods to change them. Routing.ts applies them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound } from "./Agent.ts"
import { ID_CHARS, text } from "./Bounds.ts"
import { LimitReached } from "./LimitReached.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"

/** The field of a message that a binding compares. */
export const MatchKey = Schema.Literals(["peer_id", "guild_id", "account_id", "channel", "default"])

/** The precedence of a binding: 1 peer, 2 guild, 3 account, 4 channel, 5 default. Lower tiers go first. */
export const Tier = Schema.Literals([1, 2, 3, 4, 5])

/** Sends matching messages to an agent. See Routing.ts for the order. */
export const Binding = Schema.Struct({
  agentId: Schema.String,
  /** A binding matches only if its tier fits its key. */
  tier: Tier,
  matchKey: MatchKey,
  matchValue: text(ID_CHARS),
  /** Within a tier, the higher priority goes first. */
  priority: Schema.Int,
}).annotate({ identifier: "Binding" })
export type Binding = typeof Binding.Type

/** Returns one line for people, e.g. `[peer] peer_id=telegram:42 -> agent:luna (pri=0)`. */
export const describe = (binding: Binding): string =>
  `[${["peer", "guild", "account", "channel", "default"][binding.tier - 1]}] ${binding.matchKey}=${binding.matchValue} -> agent:${binding.agentId} (pri=${binding.priority})`

/** The tier and the key contradict each other, so the binding could never match. */
export class BindingUnreachable extends Schema.TaggedError<BindingUnreachable>()("BindingUnreachable", {
  tier: Schema.Int,
  matchKey: MatchKey,
}) {}

const list = Rpc.make("bindings.list", {
  payload: {},
  /** In order of precedence. */
  success: Schema.Struct({ bindings: Schema.Array(Binding) }),
}).annotate(RequiredScope, "operator.read")

const set = Rpc.make("bindings.set", {
  payload: {
    agentId: AgentId,
    /** Left out: the tier that fits the key. */
    tier: Schema.optionalKey(Tier),
    matchKey: Schema.optionalKey(MatchKey),
    matchValue: Schema.optionalKey(text(ID_CHARS)),
    priority: Schema.optionalKey(Schema.Int),
  },
  /** Replaces a binding with the same agent, key and value. */
  success: Binding,
  error: Schema.Union([AgentNotFound, BindingUnreachable, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.admin")

const remove = Rpc.make("bindings.remove", {
  payload: { agentId: AgentId, matchKey: MatchKey, matchValue: text(ID_CHARS) },
  success: Schema.Struct({ removed: Schema.Boolean }),
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.admin")

export const BindingRpcs = RpcGroup.make(list, set, remove).middleware(Authorized)
