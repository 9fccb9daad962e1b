/**
 * Tools: the functions that agents call, and who may call them. The service Tools holds the tools of a gateway.
 */
import * as Schema from "effect/Schema"
import { ToolPermission, type ToolPermissions } from "./Agent.ts"

/** The characters of a tool's name: model providers accept no others. */
export const TOOL_NAME_CHARS = 64

export const ToolName = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/, { expected: "1 to 64 letters, digits, _ and -" }),
)

/** A tool as lists show it. */
export const ToolInfo = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  /** `gateway` for a built-in tool, `program` for one of the embedding program, `mcp/<name>` for one of an MCP server. */
  source: Schema.String,
  /** The permission for agents that do not set one. */
  permission: ToolPermission,
}).annotate({ identifier: "Tool" })
export type ToolInfo = typeof ToolInfo.Type

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
