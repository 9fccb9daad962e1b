/**
 * ApprovalPolicy: the policy of approvals as the file that OpenClaw's clients read and write: a permission for each agent,
 * and its grants as an allowlist. The functions are pure. PolicyMethods.ts uses them.
 */
import * as Schema from "effect/Schema"
import type { Agent, ToolPermission, ToolPermissions } from "../../../domain/Agent.ts"
import type { ApprovalGrant } from "../../../domain/Approval.ts"
import { list, MESSAGE_CHARS, NAME_CHARS, text } from "../../../domain/Bounds.ts"
import { given, maybe } from "../../dialect/Params.ts"
import { flag, id, ignored, name } from "../wire/Params.ts"

/** The entry of `tools` that counts for all tools without an entry of their own. */
const ALL = "*"

const Settings = { security: name, ask: name, askFallback: name, autoAllowSkills: flag }

/** More grants than an operator makes for one agent. */
const ENTRIES = 1_000

const AgentPolicy = Schema.Struct({
  ...Settings,
  allowlist: maybe(list(Schema.Struct({ id, pattern: text(MESSAGE_CHARS) }), ENTRIES)),
  mcpTools: maybe(list(Schema.Unknown, ENTRIES)),
})
type AgentPolicy = typeof AgentPolicy.Type

/** The file of a client. */
export const PolicyFile = Schema.Struct({
  version: Schema.Literal(1),
  socket: ignored,
  defaults: maybe(Schema.Struct(Settings)),
  agents: maybe(Schema.Record(text(NAME_CHARS), AgentPolicy)),
})
export type PolicyFile = typeof PolicyFile.Type

/** An agent without a permission for all tools has those of the tools: some ask, and grants are the allowlist. */
export const DEFAULTS = { security: "allowlist", ask: "on-miss", askFallback: "deny", autoAllowSkills: false } as const

const settings: Readonly<Record<ToolPermission, { readonly security: string; readonly ask: string }>> = {
  allow: { security: "full", ask: "off" },
  ask: { security: "allowlist", ask: "on-miss" },
  deny: { security: "deny", ask: "off" },
}

type PolicyAgent = Pick<Agent, "id" | "tools">

const holds = ({ expiresAt, revokedAt }: ApprovalGrant, at: number): boolean =>
  revokedAt === null && (expiresAt === undefined || expiresAt > at)

/** Returns the policy in force, as a file. */
export const policyFile = (
  agents: ReadonlyArray<PolicyAgent>,
  grants: ReadonlyArray<ApprovalGrant>,
  at: number,
): object => {
  const entryOf = ({ id, input, lastUsedAt, tool }: ApprovalGrant) => ({
    id,
    pattern: `${tool} ${input}`,
    source: "allow-always",
    ...given({ lastUsedAt }),
  })
  const policyOf = ({ id, tools }: PolicyAgent) => {
    const permission = tools?.[ALL]
    const allowlist = grants.filter((grant) => grant.agentId === id && holds(grant, at)).map(entryOf)
    return { ...(permission !== undefined && settings[permission]), allowlist }
  }
  return { version: 1, agents: Object.fromEntries(agents.map((agent) => [agent.id, policyOf(agent)])) }
}

/** The changes that a file asks for. */
export interface PolicyPlan {
  /** The ids of grants. */
  readonly revoke: ReadonlyArray<string>
  /** The agents whose permissions change, with all of their new ones. */
  readonly agents: ReadonlyArray<{ readonly id: string; readonly tools: ToolPermissions }>
}

/** Returns the permission that the settings stand for, `undefined` for none, or the problem. */
const permissionOf = ({ ask, security }: AgentPolicy): ToolPermission | undefined | { readonly problem: string } => {
  if (security == null && ask == null) return undefined
  if (security === "deny") return "deny"
  if (security === "full" && (ask == null || ask === "off")) return "allow"
  if ((security == null || security === "allowlist") && (ask == null || ask === "on-miss")) return "ask"
  return { problem: `security "${security ?? ""}" with ask "${ask ?? ""}" has no counterpart here` }
}

const withPermission = (tools: ToolPermissions, permission: ToolPermission | undefined): ToolPermissions => {
  const { [ALL]: _before, ...others } = tools
  return permission === undefined ? others : { ...others, [ALL]: permission }
}

const settingsProblem = ({ askFallback, autoAllowSkills }: Pick<AgentPolicy, "askFallback" | "autoAllowSkills">) => {
  if (askFallback != null && askFallback !== DEFAULTS.askFallback) return "askFallback can only be deny"
  return autoAllowSkills === true ? "autoAllowSkills is not supported" : undefined
}

/** Returns the changes from the policy in force to the file, or the problem of the file. It has to name every agent. */
export const planOf = (
  { agents = {}, defaults, socket }: PolicyFile,
  known: ReadonlyArray<PolicyAgent>,
  grants: ReadonlyArray<ApprovalGrant>,
  at: number,
): PolicyPlan | { readonly problem: string } => {
  if (socket != null) return { problem: "socket is not supported" }
  const changed = Object.entries(defaults ?? {}).filter(
    ([key, value]) => value != null && Object(DEFAULTS)[key] !== value,
  )
  if (changed.length > 0) return { problem: "defaults cannot be changed: the tools have their own. Change the agents" }
  const policies = agents ?? {}
  const stranger = Object.keys(policies).find((id) => known.every((agent) => agent.id !== id))
  if (stranger !== undefined) return { problem: `there is no agent "${stranger}"` }
  const changes: Array<PolicyPlan["agents"][number]> = []
  const kept = new Set<string>()
  for (const { id, tools = {} } of known) {
    const policy = policies[id]
    if (policy === undefined) return { problem: `agent "${id}" is missing: send the whole file` }
    const problem = settingsProblem(policy)
    if (problem !== undefined) return { problem }
    if ((policy.mcpTools ?? []).length > 0) return { problem: "mcpTools are not supported" }
    const own = grants.filter((grant) => grant.agentId === id && holds(grant, at))
    for (const entry of policy.allowlist ?? []) {
      const isKnown = own.some((grant) => grant.id === entry.id && `${grant.tool} ${grant.input}` === entry.pattern)
      if (!isKnown) return { problem: "an allowlist takes no new patterns: grants come from the decision allow-always" }
      kept.add(entry.id ?? "")
    }
    const permission = permissionOf(policy)
    if (typeof permission === "object") return permission
    if (permission !== tools[ALL]) changes.push({ id, tools: withPermission(tools, permission) })
  }
  const revoke = grants.filter((grant) => holds(grant, at) && !kept.has(grant.id)).map((grant) => grant.id)
  return { revoke, agents: changes }
}
