/**
 * Agents: their schema, ids and methods. An agent is a name, an instruction, a model and a runtime. Sessions hold the
 * conversations.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, INSTRUCTION_CHARS, list as listOf, Name, NAME_CHARS, nonEmptyText, text } from "./Bounds.ts"
import { LimitReached } from "./LimitReached.ts"
import { DocumentId } from "./Memory.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { QueueMode, ThinkingLevel } from "./Run.ts"
import { StorageUnavailable } from "./Storage.ts"
import { withoutTrailing } from "./Text.ts"

/** The agent that always exists. It answers every message that no binding matches. */
export const MAIN_AGENT = "main"

const VALID_AGENT_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/

/**
 * Returns the agent id for a text: trimmed, in lower case, other characters as `-`, at most 64 characters. Returns `main`
 * if nothing is left. Only the first NAME_CHARS characters count.
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

/** Decodes any text with `normalizeAgentId`, so that an agent has the same id on every wire. */
export const AgentId = text(NAME_CHARS).pipe(
  Schema.decode({
    decode: SchemaGetter.transform(normalizeAgentId),
    encode: SchemaGetter.passthrough(),
  }),
)

/** How the direct messages of an agent are split into sessions. See Routing.ts. */
export const DmScope = Schema.Literals(["main", "per-peer", "per-channel-peer", "per-account-channel-peer"])
export type DmScope = typeof DmScope.Type

/** The permission for a tool call: the gateway runs it, asks an operator first, or refuses it. */
export const ToolPermission = Schema.Literals(["allow", "ask", "deny"])
export type ToolPermission = typeof ToolPermission.Type

/** Permissions by the name of a tool, by the beginning of names (`files_*`), or `*` for all others. The longest match wins. */
export const ToolPermissions = Schema.Record(nonEmptyText(NAME_CHARS), ToolPermission).check(
  Schema.isMaxProperties(256),
)
export type ToolPermissions = typeof ToolPermissions.Type

/** The settings that an agent need not have. */
const optional = {
  /** The models that the runtime tries, in this order, if the first one fails before it has said anything. */
  fallbacks: Schema.optionalKey(listOf(nonEmptyText(NAME_CHARS), 8)),
  /** The ids of the memory documents that the prompt contains. */
  documents: Schema.optionalKey(listOf(DocumentId, 32)),
  /** Left out: each tool's own permission. */
  tools: Schema.optionalKey(ToolPermissions),
  /** Left out: the default of the model. */
  thinking: Schema.optionalKey(ThinkingLevel),
  /** Left out: `followup`. */
  queue: Schema.optionalKey(QueueMode),
}

/** An agent: a name, an instruction, and the model and runtime that it uses. */
export const Agent = Schema.Struct({
  id: Schema.String,
  name: Name,
  /** The instruction that the runtime gets before each conversation. */
  personality: text(INSTRUCTION_CHARS),
  /** A model id from `models.list`. Empty: the default of the runtime. */
  model: text(NAME_CHARS),
  /** The name of a runtime. Empty: the default of the gateway. */
  runtime: text(NAME_CHARS),
  dmScope: DmScope,
  ...optional,
  createdAt: EpochMillis,
  updatedAt: EpochMillis,
}).annotate({ identifier: "Agent" })
export type Agent = typeof Agent.Type

/** Returns the instruction that the runtime gets before the conversation. */
export const systemPrompt = (agent: Pick<Agent, "name" | "personality">): string =>
  `You are ${agent.name}.${agent.personality === "" ? "" : `\n${agent.personality}`}`

/** No agent has this id. */
export class AgentNotFound extends Schema.TaggedError<AgentNotFound>()("AgentNotFound", { agentId: Schema.String }) {}

/** Another agent has this id. */
export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", { agentId: Schema.String }) {}

/** `main` answers every message without a binding, so it can be changed but not deleted. */
export class AgentProtected extends Schema.TaggedError<AgentProtected>()("AgentProtected", {
  agentId: Schema.String,
}) {}

const settings = {
  personality: Schema.optionalKey(text(INSTRUCTION_CHARS)),
  model: Schema.optionalKey(text(NAME_CHARS)),
  runtime: Schema.optionalKey(text(NAME_CHARS)),
  dmScope: Schema.optionalKey(DmScope),
  ...optional,
}

const list = Rpc.make("agents.list", {
  payload: {},
  success: Schema.Struct({ agents: Schema.Array(Agent), defaultId: Schema.String }),
}).annotate(RequiredScope, "operator.read")

const get = Rpc.make("agents.get", {
  payload: { id: AgentId },
  success: Agent,
  error: AgentNotFound,
}).annotate(RequiredScope, "operator.read")

const create = Rpc.make("agents.create", {
  payload: {
    /** Left out: derived from the name. */
    id: Schema.optionalKey(AgentId),
    name: Name,
    ...settings,
  },
  success: Agent,
  error: Schema.Union([AgentExists, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.admin")

const update = Rpc.make("agents.update", {
  payload: { id: AgentId, name: Schema.optionalKey(Name), ...settings },
  success: Agent,
  error: Schema.Union([AgentNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.admin")

const remove = Rpc.make("agents.delete", {
  payload: { id: AgentId },
  /** Also removes the bindings to the agent. Its sessions stay readable. */
  success: Schema.Struct({ removedBindings: Schema.Int }),
  error: Schema.Union([AgentNotFound, AgentProtected, StorageUnavailable]),
}).annotate(RequiredScope, "operator.admin")

export const AgentRpcs = RpcGroup.make(list, get, create, update, remove).middleware(Authorized)
