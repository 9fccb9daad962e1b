/**
 * Tools: the functions that agents call, the permissions for them, and the method that lists them. The service Tools
 * holds the tools of a gateway.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound, ToolPermission, type ToolPermissions } from "./Agent.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"

/** The characters of a tool's name: model providers accept no others. */
export const TOOL_NAME_CHARS = 64

export const ToolName = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/, { expected: "1 to 64 letters, digits, _ and -" }),
)

/** Returns a name of a tool that is like the text, with `_` for the characters that model providers refuse. */
export const toolNameOf = (text: string): string =>
  text.slice(0, TOOL_NAME_CHARS).replace(/[^a-zA-Z0-9_-]/g, "_") || "_"

/** A tool as lists show it to an agent. */
export const ToolInfo = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  /** `gateway` for a built-in tool, `program` for one of the embedding program, `mcp/<name>` for one of an MCP server. */
  source: Schema.String,
  /** The permission of the agent. A denied tool is hidden from its model. */
  permission: ToolPermission,
}).annotate({ identifier: "Tool" })
export type ToolInfo = typeof ToolInfo.Type

/** A program or server that adds tools while the gateway runs, such as an MCP server. */
export const ToolSource = Schema.Struct({
  /** As the `source` of its tools. */
  name: Schema.String,
  /** `failed`: it is not there at the moment. The gateway tries again. */
  state: Schema.Literals(["starting", "ready", "failed"]),
  /** Why it failed, else null. */
  problem: Schema.NullOr(Schema.String),
}).annotate({ identifier: "ToolSource" })
export type ToolSource = typeof ToolSource.Type

/**
 * Returns the permission of an agent for a tool: the agent's own for the exact name, else for the longest prefix
 * (`files_*`), else for `*`, else the tool's.
 */
export const permissionFor = (
  { name, permission }: Pick<ToolInfo, "name" | "permission">,
  permissions: ToolPermissions = {},
): ToolPermission => {
  if (Object.hasOwn(permissions, name)) return permissions[name]!
  let longest = -1
  let found = permission
  for (const [pattern, value] of Object.entries(permissions)) {
    const prefix = pattern.slice(0, -1)
    if (!pattern.endsWith("*") || prefix.length <= longest || !name.startsWith(prefix)) continue
    longest = prefix.length
    found = value
  }
  return found
}

const list = Rpc.make("tools.list", {
  payload: {
    /** Left out: `main`. */
    agentId: Schema.optionalKey(AgentId),
  },
  success: Schema.Struct({
    agentId: Schema.String,
    tools: Schema.Array(ToolInfo),
    sources: Schema.Array(ToolSource),
  }),
  error: AgentNotFound,
}).annotate(RequiredScope, "operator.read")

export const ToolRpcs = RpcGroup.make(list).middleware(Authorized)
