/**
 * ApprovalViews: approvals as OpenClaw's clients read them. In this protocol an approval is a command or the request of a
 * plugin. The call of a tool is a command: the name of the tool and its input. Events.ts and the methods of approvals use
 * them.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Approval } from "../../../domain/Approval.ts"
import { filled, given } from "../../dialect/Params.ts"

/** The tool of an approval for a command that a client runs. */
export const EXEC = "exec"

/** The tool of an approval for a plugin that names neither a tool nor itself. */
export const PLUGIN = "plugin"

/** The input of an approval for a command. */
export const Command = Schema.Struct({
  command: Schema.String,
  commandArgv: Schema.optionalKey(Schema.Array(Schema.String)),
  cwd: Schema.optionalKey(Schema.String),
  host: Schema.optionalKey(Schema.String),
  nodeId: Schema.optionalKey(Schema.String),
  security: Schema.optionalKey(Schema.String),
  ask: Schema.optionalKey(Schema.String),
  warningText: Schema.optionalKey(Schema.String),
  resolvedPath: Schema.optionalKey(Schema.String),
  sessionId: Schema.optionalKey(Schema.String),
  /** The names of the variables. Their values may be secrets. */
  envKeys: Schema.optionalKey(Schema.Array(Schema.String)),
  systemRunPlan: Schema.optionalKey(Schema.Unknown),
})
export type Command = typeof Command.Type

const decodeCommand = Schema.decodeUnknownOption(Schema.fromJsonString(Command))

const commandOf = ({ askedBy, input, tool }: Approval): Command => {
  const asked = askedBy !== undefined && tool === EXEC ? decodeCommand(input) : Option.none()
  return Option.getOrElse(asked, () => ({ command: `${tool} ${input}`, host: "gateway" }))
}

export type ApprovalKind = "exec" | "plugin"

export const kindOf = ({ plugin }: Approval): ApprovalKind => (plugin === undefined ? "exec" : "plugin")

/** A member for which clients expect null if it has no value. */
const orNull = <A>(value: A | undefined): A | null => value ?? null

/** Returns the command as clients read it in lists and events. */
const execRequest = (approval: Approval) => {
  const { commandArgv, envKeys, systemRunPlan, ...command } = commandOf(approval)
  return {
    command: command.command,
    ...given({ commandArgv, envKeys, systemRunPlan }),
    cwd: orNull(command.cwd),
    host: orNull(command.host),
    nodeId: orNull(command.nodeId),
    security: orNull(command.security),
    ask: orNull(command.ask),
    warningText: orNull(command.warningText),
    allowedDecisions: approval.decisions,
    agentId: approval.agentId,
    sessionKey: approval.sessionKey || null,
    sessionId: orNull(command.sessionId),
    runId: approval.runId || null,
    toolCallId: approval.callId || null,
    resolvedPath: orNull(command.resolvedPath),
  }
}

const pluginRequest = ({ agentId, callId, decisions, plugin, sessionKey, tool }: Approval) => ({
  pluginId: orNull(plugin?.pluginId),
  title: plugin?.title ?? tool,
  description: plugin?.description ?? "",
  ...given({ detail: plugin?.detail }),
  severity: plugin?.severity ?? "warning",
  toolName: tool === PLUGIN ? null : tool,
  toolCallId: callId || null,
  allowedDecisions: decisions,
  agentId,
  sessionKey: sessionKey || null,
})

const requestOf = (approval: Approval) =>
  approval.plugin === undefined ? execRequest(approval) : pluginRequest(approval)

/** The payload of `exec.approval.requested` and `plugin.approval.requested`, and a row of their lists. */
export const requestedRow = (approval: Approval) => ({
  approvalKind: kindOf(approval),
  id: approval.id,
  request: requestOf(approval),
  createdAtMs: Math.floor(approval.createdAt),
  expiresAtMs: Math.floor(approval.expiresAt),
})

/** The payload of `*.approval.resolved`. This protocol has no such event for an approval without a decision. */
export const resolvedRow = (approval: Approval, at: number) => ({
  id: approval.id,
  decision: approval.decision,
  resolvedBy: approval.resolvedBy,
  ts: Math.floor(at),
  request: requestOf(approval),
})

/** The payload of `session.approval`: an approval of a session at its start and at its end, whatever ends it. */
export const sessionApproval = (approval: Approval, at: number) => ({
  sessionKey: approval.sessionKey,
  updatedAtMs: Math.floor(at),
  phase: approval.status === "pending" ? "pending" : "terminal",
  approval: snapshot(approval),
})

/** The answer to a client that waits for a decision. */
export const decisionRow = ({ createdAt, decision, expiresAt, id, status }: Approval) => ({
  id,
  decision,
  createdAtMs: Math.floor(createdAt),
  expiresAtMs: Math.floor(expiresAt),
  ...given({ terminalReason: reasons[status] }),
})

const reasons = { pending: undefined, allowed: "user", denied: "user", expired: "timeout", cancelled: "run-aborted" }

/** Returns the command as clients show it to the operator who decides. */
export const execPresentation = (approval: Approval) => {
  const { command: commandText, host, nodeId, warningText } = commandOf(approval)
  const { agentId, decisions: allowedDecisions } = approval
  return { commandText, ...given({ host, nodeId: filled(nodeId), warningText }), agentId, allowedDecisions }
}

const presentationOf = (approval: Approval) => {
  const { agentId, decisions, plugin, tool } = approval
  if (plugin === undefined) return { kind: "exec", ...execPresentation(approval) }
  return { kind: "plugin", ...plugin, ...(tool !== PLUGIN && { toolName: tool }), agentId, allowedDecisions: decisions }
}

/** Returns an approval as `approval.*` shows it. */
export const snapshot = (approval: Approval) => {
  const { agentId, createdAt, decision, expiresAt, id, resolvedAt, resolvedBy, sessionKey, status } = approval
  const source = { agentId, ...given({ sessionKey: filled(sessionKey) }) }
  return {
    id,
    urlPath: `/approve/${encodeURIComponent(id)}`,
    createdAtMs: Math.floor(createdAt),
    expiresAtMs: Math.floor(expiresAt),
    presentation: presentationOf(approval),
    status,
    ...given({ decision, reason: reasons[status] }),
    ...(resolvedAt !== null && { resolvedAtMs: Math.floor(resolvedAt), source }),
    ...(resolvedBy !== null && { resolver: { kind: "device", id: resolvedBy } }),
  }
}
