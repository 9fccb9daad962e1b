/**
 * ExecApprovals: the methods `exec.approval.*`, by which OpenClaw's clients request, see and decide commands, and list and
 * revoke grants. Methods.ts uses them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type ApprovalGrant, everyDecision, GRANT_ROWS } from "../../../domain/Approval.ts"
import { list, MESSAGE_CHARS, RUN_MS, text } from "../../../domain/Bounds.ts"
import { cut } from "../../../domain/Text.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { filled, given, hasText, maybe, trimmed } from "../../dialect/Params.ts"
import { call, catchError } from "../../dialect/Query.ts"
import { bounded, flag, id, ignored, invalid, message, name, names, number } from "../wire/Params.ts"
import { found, listOf, requested, resolveOf, waitOf } from "./ApprovalQueries.ts"
import { type Command, EXEC, execPresentation } from "./ApprovalViews.ts"
import type { Row } from "./MethodTable.ts"

/** Ids of plugin approvals begin so. */
export const PLUGIN_PREFIX = "plugin:"

/** Characters of a command in the list of grants. */
const COMMAND_CHARS = 512

const Plan = Schema.Struct({ commandText: text(MESSAGE_CHARS) })

const Requested = Schema.Struct({
  id,
  command: message,
  commandArgv: maybe(list(text(MESSAGE_CHARS))),
  cwd: message,
  env: maybe(Schema.Record(text(256), text(MESSAGE_CHARS))),
  host: name,
  nodeId: id,
  systemRunPlan: ignored,
  security: name,
  ask: name,
  warningText: message,
  resolvedPath: message,
  agentId: name,
  sessionKey: message,
  sessionId: id,
  runId: id,
  toolCallId: id,
  unavailableDecisions: names,
  timeoutMs: number,
  twoPhase: flag,
})

const isPlan = Schema.is(Plan)

/** A command with variables may mean something else the next time, and so may one of which every call needs a question. */
const canLast = ({ ask, env, unavailableDecisions }: typeof Requested.Type): boolean =>
  ask !== "always" && Object.keys(env ?? {}).length === 0 && unavailableDecisions?.includes("allow-always") !== true

const request = dialectMethod(Requested, (params) => {
  const { commandArgv, env, host, id, nodeId, systemRunPlan, timeoutMs, twoPhase } = params
  const onNode = host === "node"
  if (onNode && !hasText(nodeId)) return invalid("nodeId is required for host=node")
  if (onNode && !isPlan(systemRunPlan)) return invalid("systemRunPlan is required for host=node")
  const planned = onNode && isPlan(systemRunPlan) ? systemRunPlan.commandText : undefined
  const command = trimmed(planned ?? params.command) ?? trimmed(commandArgv?.join(" "))
  if (command === undefined) return invalid("command is required")
  if (id?.startsWith(PLUGIN_PREFIX) === true)
    return invalid(`approval ids that begin with ${PLUGIN_PREFIX} are reserved`)
  const { ask, cwd, resolvedPath, security, sessionId, warningText } = params
  const facts = { commandArgv, cwd, host, nodeId, security, ask, warningText, resolvedPath, sessionId, systemRunPlan }
  const envKeys = env == null ? undefined : Object.keys(env).toSorted()
  const input: Command = { command, ...given({ ...facts, envKeys }) }
  return requested(
    {
      tool: EXEC,
      input: JSON.stringify(input),
      decisions: everyDecision.filter((decision) => decision !== "allow-always" || canLast(params)),
      ...(timeoutMs != null && { timeoutMs: bounded(timeoutMs, 1, RUN_MS) }),
      ...given({
        id: filled(id),
        agentId: filled(params.agentId),
        runId: filled(params.runId),
        sessionKey: filled(params.sessionKey),
        callId: filled(params.toolCallId),
      }),
    },
    twoPhase,
  )
})

const get = dialectMethod(Schema.Struct({ id }), ({ id }) => {
  if (!hasText(id)) return invalid("id is required")
  return Effect.map(found("exec", id), (approval) => ({
    id: approval.id,
    host: null,
    nodeId: null,
    ...execPresentation(approval),
    expiresAtMs: Math.floor(approval.expiresAt),
  }))
})

/** In this protocol a grant belongs to an automation. Here it holds for every run of the agent. */
const EVERY_RUN = "*"

const grantRow = (grant: ApprovalGrant) => ({
  grantId: grant.id,
  mintedByApprovalId: grant.approvalId,
  agentId: grant.agentId,
  cronJobId: EVERY_RUN,
  cronJobName: null,
  command: cut(`${grant.tool} ${grant.input}`, COMMAND_CHARS),
  cwd: null,
  createdAtMs: Math.floor(grant.createdAt),
  expiresAtMs: grant.expiresAt === undefined ? null : Math.floor(grant.expiresAt),
  revokedAtMs: grant.revokedAt === null ? null : Math.floor(grant.revokedAt),
  revokedBy: grant.revokedBy,
  lastUsedAtMs: grant.lastUsedAt === null ? null : Math.floor(grant.lastUsedAt),
  useCount: grant.uses,
})

const grants = dialectMethod(Schema.Struct({ limit: number }), ({ limit }) =>
  Effect.map(call("approvals.grants", {}), ({ grants }) => ({
    grants: grants.slice(0, bounded(limit, 500, Math.min(500, GRANT_ROWS))).map(grantRow),
  })),
)

const revoke = dialectMethod(Schema.Struct({ grantId: id }), ({ grantId }) => {
  if (!hasText(grantId)) return invalid("grantId is required")
  return Effect.gen(function* () {
    const { grants } = yield* call("approvals.grants", {})
    const before = grants.find(({ id }) => id === grantId)
    if (before !== undefined && before.revokedAt !== null) return { outcome: "already-revoked" }
    const revoked = Effect.as(call("approvals.revoke", { id: grantId }), { outcome: "revoked" })
    return yield* catchError(revoked, "GrantNotFound", () => Effect.succeed({ outcome: "not-found" }))
  })
})

export const execApprovalMethods: ReadonlyArray<Row> = [
  ["exec.approval.request", "operator.approvals", request],
  ["exec.approval.waitDecision", "operator.approvals", waitOf("exec")],
  ["exec.approval.list", "operator.approvals", listOf("exec")],
  ["exec.approval.get", "operator.approvals", get],
  ["exec.approval.resolve", "operator.approvals", resolveOf("exec")],
  ["exec.approval.grants.list", "operator.approvals", grants],
  ["exec.approval.grants.revoke", "operator.approvals", revoke],
]
