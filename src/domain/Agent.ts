/**
 * Agents: who answers. An agent is a name, a personality and a choice of model and runtime; it holds no conversation.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, INSTRUCTION_CHARS, Name, NAME_CHARS, text } from "./Bounds.ts"
import { LimitReached } from "./Limits.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"
import { Summary } from "./Summary.ts"
import { withoutTrailing } from "./Text.ts"

/** The agent that always exists and answers what no binding claims. */
export const MAIN_AGENT = "main"

const VALID_AGENT_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/

/**
 * Returns the agent id that a text means: trimmed, in lower case, foreign characters as `-`, at most 64 characters.
 * Returns `main` if nothing is left. Only the first NAME_CHARS characters count.
 */
export const normalizeAgentId = (input: string): string => {
  const trimmed = input.trim().slice(0, NAME_CHARS)
  if (VALID_AGENT_ID.test(trimmed)) return trimmed
  const dashed = trimmed
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+/, "")
  const cleaned = withoutTrailing(dashed, "-").slice(0, 64)
  return cleaned === "" ? MAIN_AGENT : cleaned
}

/** Read from any text by `normalizeAgentId`, so that every wire and every caller names agents alike. */
export const AgentId = text(NAME_CHARS).pipe(
  Schema.decode({
    decode: SchemaGetter.transform(normalizeAgentId),
    encode: SchemaGetter.passthrough(),
  }),
)

/** How direct messages of an agent are split into sessions: see Routing.ts. */
export const DmScope = Schema.Literals(["main", "per-peer", "per-channel-peer", "per-account-channel-peer"])
export type DmScope = typeof DmScope.Type

/** Who answers: a name, an instruction and the model and runtime to think with. */
export const Agent = Schema.Struct({
  id: Schema.String,
  name: Name,
  /** The instruction that its runtime gets before each conversation. */
  personality: text(INSTRUCTION_CHARS),
  /** A model id of `models.list`; empty: the runtime's default. */
  model: text(NAME_CHARS),
  /** The runtime that thinks for this agent; empty: the gateway's default. */
  runtime: text(NAME_CHARS),
  dmScope: DmScope,
  createdAt: EpochMillis,
  updatedAt: EpochMillis,
}).annotate({ identifier: "Agent" })
export type Agent = typeof Agent.Type

/** The instruction that an agent's runtime gets before the conversation. */
export const systemPrompt = (agent: Pick<Agent, "name" | "personality">): string =>
  `You are ${agent.name}.${agent.personality === "" ? "" : `\n${agent.personality}`}`

/** No agent has this id. */
export class AgentNotFound extends Schema.TaggedError<AgentNotFound>()("AgentNotFound", { agentId: Schema.String }) {}

/** The id is taken. */
export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", { agentId: Schema.String }) {}

/** `main` is where everything unclaimed goes: it can be changed, not deleted. */
export class AgentProtected extends Schema.TaggedError<AgentProtected>()("AgentProtected", {
  agentId: Schema.String,
}) {}

const settings = {
  personality: Schema.optionalKey(text(INSTRUCTION_CHARS)),
  model: Schema.optionalKey(text(NAME_CHARS)),
  runtime: Schema.optionalKey(text(NAME_CHARS)),
  dmScope: Schema.optionalKey(DmScope),
}

const list = Rpc.make("agents.list", {
  payload: {},
  success: Schema.Struct({ agents: Schema.Array(Agent), defaultId: Schema.String }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "All agents, `main` first, and the id of the one that answers what no binding claims.")

const get = Rpc.make("agents.get", {
  payload: { id: AgentId },
  success: Agent,
  error: AgentNotFound,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "One agent.")

const create = Rpc.make("agents.create", {
  payload: {
    /** Left out: made from the name. */
    id: Schema.optionalKey(AgentId),
    name: Name,
    ...settings,
  },
  success: Agent,
  error: Schema.Union([AgentExists, LimitReached, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Makes an agent. Without an id, one is made from the name.")

const update = Rpc.make("agents.update", {
  payload: { id: AgentId, name: Schema.optionalKey(Name), ...settings },
  success: Agent,
  error: Schema.Union([AgentNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Changes the given settings of an agent; what is left out stays.")

const remove = Rpc.make("agents.delete", {
  payload: { id: AgentId },
  /** Bindings to the agent go with it; its sessions stay and can be read. */
  success: Schema.Struct({ removedBindings: Schema.Int }),
  error: Schema.Union([AgentNotFound, AgentProtected, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(
    Summary,
    "Removes an agent and the bindings to it. Its sessions stay and can be read. `main` cannot be removed.",
  )

export const AgentRpcs = RpcGroup.make(list, get, create, update, remove).middleware(Authorized)
