/**
 * Approvals: the methods by which OpenClaw's clients see and decide calls of tools, and the views of approvals. In this
 * protocol a call is a command: the name of the tool and its input. Methods.ts uses the methods, Events.ts the views.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Approval, ApprovalDecision } from "../../../domain/Approval.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText } from "../../dialect/Params.ts"
import { call, catchError } from "../../dialect/Query.ts"
import { bounded, cursor, id, ignored, invalid, name, NoParams, number } from "../wire/Params.ts"
import type { Row } from "./MethodTable.ts"

const KIND = "exec"

const HOST = "gateway"

/** The rows of one page of the history. */
const PAGE = 100

const commandOf = ({ input, tool }: Approval): string => `${tool} ${input}`

/** Returns the call as clients read it in lists and events. */
const requestOf = (approval: Approval) => ({
  command: commandOf(approval),
  cwd: null,
  host: HOST,
  nodeId: null,
  security: null,
  ask: null,
  warningText: null,
  allowedDecisions: approval.decisions,
  agentId: approval.agentId,
  sessionKey: approval.sessionKey,
  sessionId: null,
  runId: approval.runId,
  toolCallId: approval.callId,
  resolvedPath: null,
})

/** The payload of `exec.approval.requested`, and a row of `exec.approval.list`. */
export const requestedRow = (approval: Approval) => ({
  approvalKind: KIND,
  id: approval.id,
  request: requestOf(approval),
  createdAtMs: Math.floor(approval.createdAt),
  expiresAtMs: Math.floor(approval.expiresAt),
})

/** The payload of `exec.approval.resolved`. This protocol has no such event for an approval without a decision. */
export const resolvedRow = (approval: Approval, at: number) => ({
  id: approval.id,
  decision: approval.decision,
  resolvedBy: approval.resolvedBy,
  ts: Math.floor(at),
  request: requestOf(approval),
})

const reasons = { pending: undefined, allowed: "user", denied: "user", expired: "timeout", cancelled: "run-aborted" }

/** Returns the call as clients show it to the operator who decides. */
const presentationOf = (approval: Approval) => ({
  commandText: commandOf(approval),
  host: HOST,
  agentId: approval.agentId,
  allowedDecisions: approval.decisions,
})

/** Returns an approval as `approval.*` shows it. */
const snapshot = (approval: Approval) => {
  const { agentId, createdAt, decision, expiresAt, id, resolvedAt, resolvedBy, sessionKey, status } = approval
  return {
    id,
    urlPath: `/approve/${encodeURIComponent(id)}`,
    createdAtMs: Math.floor(createdAt),
    expiresAtMs: Math.floor(expiresAt),
    presentation: { kind: KIND, ...presentationOf(approval) },
    status,
    ...given({ decision, reason: reasons[status] }),
    ...(resolvedAt !== null && { resolvedAtMs: Math.floor(resolvedAt), source: { agentId, sessionKey } }),
    ...(resolvedBy !== null && { resolver: { kind: "device", id: resolvedBy } }),
  }
}

const list = dialectMethod(NoParams, () =>
  Effect.map(call("approvals.list", {}), ({ approvals }) => approvals.map(requestedRow)),
)

const get = dialectMethod(Schema.Struct({ id }), ({ id }) => {
  if (!hasText(id)) return invalid("id is required")
  return Effect.map(call("approvals.get", { id }), (approval) => ({
    id: approval.id,
    ...presentationOf(approval),
    nodeId: null,
    expiresAtMs: Math.floor(approval.expiresAt),
  }))
})

const isDecision = Schema.is(ApprovalDecision)

/** The gateway knows its caller, so it needs no `reviewer`. */
const resolve = dialectMethod(Schema.Struct({ id, decision: name, reviewer: ignored }), ({ decision, id }) => {
  if (!hasText(id)) return invalid("id is required")
  if (!isDecision(decision)) return invalid("invalid decision")
  return Effect.as(call("approvals.decide", { id, decision }), { ok: true })
})

const getSnapshot = dialectMethod(Schema.Struct({ id }), ({ id }) => {
  if (!hasText(id)) return invalid("id is required")
  return Effect.map(call("approvals.get", { id }), (approval) => ({ approval: snapshot(approval) }))
})

const history = dialectMethod(Schema.Struct({ cursor, limit: number, kind: name }), ({ cursor, kind, limit }) => {
  if (kind != null && kind !== KIND) return Effect.succeed({ items: [] })
  const before = hasText(cursor) ? Number(cursor) : undefined
  if (before !== undefined && !Number.isSafeInteger(before)) return invalid("invalid cursor")
  const query = { limit: bounded(limit, PAGE, PAGE), ...given({ before }) }
  return Effect.map(call("approvals.history", query), ({ approvals, next }) => ({
    items: approvals.map(snapshot),
    ...(next !== null && { nextCursor: String(next) }),
  }))
})

/** A wrong kind, or a decision that the approval does not offer, denies. */
const resolveSnapshot = dialectMethod(
  Schema.Struct({ id, kind: name, decision: name, reviewer: ignored }),
  ({ decision, id, kind }) => {
    if (!hasText(id)) return invalid("id is required")
    if (!isDecision(decision)) return invalid("invalid decision")
    return Effect.gen(function* () {
      const known = yield* call("approvals.get", { id })
      const isOffered = kind === KIND && known.decisions.includes(decision)
      const decided = call("approvals.decide", { id: known.id, decision: isOffered ? decision : "deny" })
      const { applied, approval } = yield* catchError(decided, "ApprovalClosed", () =>
        Effect.map(call("approvals.get", { id: known.id }), (approval) => ({ applied: false, approval })),
      )
      return { applied, approval: snapshot(approval) }
    })
  },
)

export const approvalMethods: ReadonlyArray<Row> = [
  ["exec.approval.list", "operator.approvals", list],
  ["exec.approval.get", "operator.approvals", get],
  ["exec.approval.resolve", "operator.approvals", resolve],
  ["approval.get", "operator.approvals", getSnapshot],
  ["approval.history", "operator.approvals", history],
  ["approval.resolve", "operator.approvals", resolveSnapshot],
]
