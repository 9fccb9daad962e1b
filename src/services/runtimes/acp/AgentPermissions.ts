/**
 * AgentPermissions: decides the permission requests of agents. The functions are pure. AgentSession uses them.
 */
import type { ToolPermission, ToolPermissions } from "../../../domain/Agent.ts"
import { permissionFor } from "../../../domain/Tool.ts"

/**
 * Returns the permission for a call of this kind (`edit`, `execute` ...): that of the agent's `tools`, else that of the
 * runtime's `permissions`, else `ask`. In both, kinds stand in the place of names.
 */
export const permissionOf = (
  kind: string,
  runtime: ToolPermissions,
  agent: ToolPermissions | undefined,
): ToolPermission =>
  permissionFor({ name: kind, permission: permissionFor({ name: kind, permission: "ask" }, runtime) }, agent)

/** Whether the agent may ask people, by the permission for `ask`. Without one it may. */
export const mayAsk = (runtime: ToolPermissions, agent: ToolPermissions | undefined): boolean => {
  const asking = { name: "ask", permission: permissionFor({ name: "ask", permission: "allow" }, runtime) }
  return permissionFor(asking, agent) !== "deny"
}

interface PermissionOption {
  readonly optionId: string
  readonly kind: string
}

/**
 * Returns the id of the answer to choose, or `undefined` if the agent offers none that fits. An answer for this call comes
 * first: an answer for always would take later calls from the gateway's policy.
 */
export const answerFor = (allowed: boolean, options: ReadonlyArray<PermissionOption>): string | undefined => {
  const kinds = allowed ? ["allow_once", "allow_always"] : ["reject_once", "reject_always"]
  return kinds.flatMap((kind) => options.filter((option) => option.kind === kind))[0]?.optionId
}
