/**
 * PluginApprovals: the methods `plugin.approval.*`, by which plugins ask operators in their own words. Methods.ts uses them.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { PluginRequest } from "../../../domain/Approval.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { filled, given } from "../../dialect/Params.ts"
import { bounded, flag, id, invalid, message, name, names, number } from "../wire/Params.ts"
import { isDecision, listOf, requested, resolveOf, waitOf } from "./ApprovalQueries.ts"
import { PLUGIN_PREFIX } from "./ExecApprovals.ts"
import { PLUGIN } from "./ApprovalViews.ts"
import type { Row } from "./MethodTable.ts"

const TIMEOUT_MS = 120_000
const MAX_TIMEOUT_MS = 600_000

const { description, detail, severity, title } = PluginRequest.fields

const Requested = Schema.Struct({
  pluginId: id,
  title,
  description,
  detail: Schema.optionalKey(Schema.NullOr(detail.schema)),
  severity: Schema.optionalKey(Schema.NullOr(severity)),
  toolName: name,
  toolCallId: id,
  allowedDecisions: names,
  agentId: name,
  sessionKey: message,
  timeoutMs: number,
  twoPhase: flag,
})

const request = dialectMethod(Requested, (params) => {
  const { agentId, allowedDecisions, description, detail, pluginId, sessionKey, severity, title } = params
  const decisions = (allowedDecisions ?? []).filter(isDecision)
  if (decisions.length < (allowedDecisions ?? []).length) return invalid("invalid allowedDecisions")
  const said = { title, description, ...given({ detail, pluginId: filled(pluginId) }) }
  return requested(
    {
      id: `${PLUGIN_PREFIX}${randomUUID()}`,
      tool: filled(params.toolName) ?? filled(pluginId) ?? PLUGIN,
      input: JSON.stringify(said),
      plugin: { ...said, severity: severity ?? "warning" },
      timeoutMs: bounded(params.timeoutMs, TIMEOUT_MS, MAX_TIMEOUT_MS),
      ...(decisions.length > 0 && { decisions }),
      ...given({
        agentId: filled(agentId),
        sessionKey: filled(sessionKey),
        callId: filled(params.toolCallId),
      }),
    },
    params.twoPhase,
  )
})

export const pluginApprovalMethods: ReadonlyArray<Row> = [
  ["plugin.approval.request", "operator.approvals", request],
  ["plugin.approval.waitDecision", "operator.approvals", waitOf("plugin")],
  ["plugin.approval.list", "operator.approvals", listOf("plugin")],
  ["plugin.approval.resolve", "operator.approvals", resolveOf("plugin")],
]
