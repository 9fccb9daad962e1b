/**
 * Approvals: calls of tools that wait for the decision of an operator, the grants that come from lasting decisions, and
 * the methods to list and decide them. The service Approvals keeps them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import {
  EpochMillis,
  Id,
  list as listOf,
  NAME_CHARS,
  nonEmptyText,
  PageSize,
  printableText,
  RunMillis,
  SESSION_KEY_CHARS,
  text,
  WaitMillis,
} from "./Bounds.ts"
import { LimitReached } from "./LimitReached.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"

/** Characters of the input of a call that can be approved. An operator has to see all of it. */
export const APPROVAL_CHARS = 65_536

/** The grants of one list. */
export const GRANT_ROWS = 1_000

/**
 * `allow-once`: the call may run, once. `allow-always`: so may every later call of the same agent with the same tool and
 * the same input. `deny`: the call fails.
 */
export const ApprovalDecision = Schema.Literals(["allow-once", "allow-always", "deny"])
export type ApprovalDecision = typeof ApprovalDecision.Type

export const everyDecision: ReadonlyArray<ApprovalDecision> = ApprovalDecision.literals

/** `expired`: nobody decided in time. `cancelled`: the run ended before a decision. */
export const ApprovalStatus = Schema.Literals(["pending", "allowed", "denied", "expired", "cancelled"])
export type ApprovalStatus = typeof ApprovalStatus.Type

/** The days of a grant that ends, ten years at most. */
export const GrantDays = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_650 }))

/** A request of a plugin in its own words, in place of a command. */
export const PluginRequest = Schema.Struct({
  title: nonEmptyText(80),
  description: nonEmptyText(512),
  detail: Schema.optionalKey(nonEmptyText(16_384)),
  severity: Schema.Literals(["info", "warning", "critical"]),
  pluginId: Schema.optionalKey(Id),
}).annotate({ identifier: "PluginRequest" })
export type PluginRequest = typeof PluginRequest.Type

/** The call is fixed for the life of the approval: the decision on an id never covers another call. */
export const Approval = Schema.Struct({
  id: Schema.String,
  agentId: Schema.String,
  sessionKey: Schema.String,
  runId: Schema.String,
  callId: Schema.String,
  /** The name of the tool, or the kind of the call of a command-line agent, e.g. `execute`. */
  tool: Schema.String,
  /** The whole input as JSON. The call runs with exactly this input. */
  input: Schema.String,
  /** The SHA-256 of agent, session, tool and input, in hexadecimal. */
  digest: Schema.String,
  /** The decisions that are possible. */
  decisions: Schema.Array(ApprovalDecision),
  createdAt: EpochMillis,
  expiresAt: EpochMillis,
  status: ApprovalStatus,
  /** Null until an operator decides. */
  decision: Schema.NullOr(ApprovalDecision),
  /** The principal that decided, or null. */
  resolvedBy: Schema.NullOr(Schema.String),
  resolvedAt: Schema.NullOr(EpochMillis),
  /** The client that asks. Left out: the run asks, and the gateway runs the call itself. */
  askedBy: Schema.optionalKey(Schema.String),
  /** The text by which a plugin asks. Left out: a command or a call of a tool. */
  plugin: Schema.optionalKey(PluginRequest),
}).annotate({ identifier: "Approval" })
export type Approval = typeof Approval.Type

/** A lasting permission for calls with one tool and one input. */
export const ApprovalGrant = Schema.Struct({
  id: Schema.String,
  /** The approval that made it. */
  approvalId: Schema.String,
  agentId: Schema.String,
  tool: Schema.String,
  input: Schema.String,
  createdAt: EpochMillis,
  createdBy: Schema.String,
  revokedAt: Schema.NullOr(EpochMillis),
  revokedBy: Schema.NullOr(Schema.String),
  lastUsedAt: Schema.NullOr(EpochMillis),
  /** The calls that it has allowed since it was made. */
  uses: Schema.Int,
  /** The gateway asks again from then on. Left out: never. */
  expiresAt: Schema.optionalKey(EpochMillis),
}).annotate({ identifier: "ApprovalGrant" })
export type ApprovalGrant = typeof ApprovalGrant.Type

/** No approval has the id, or several waiting ones begin with it. */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", {
  id: Schema.String,
  isAmbiguous: Schema.Boolean,
}) {}

/** The approval was decided, expired or cancelled before. */
export class ApprovalClosed extends Schema.TaggedError<ApprovalClosed>()("ApprovalClosed", {
  id: Schema.String,
  status: ApprovalStatus,
  decision: Schema.NullOr(ApprovalDecision),
  resolvedBy: Schema.NullOr(Schema.String),
}) {}

/** The approval does not offer the decision. */
export class DecisionUnavailable extends Schema.TaggedError<DecisionUnavailable>()("DecisionUnavailable", {
  id: Schema.String,
  decision: ApprovalDecision,
  decisions: Schema.Array(ApprovalDecision),
}) {}

export class GrantNotFound extends Schema.TaggedError<GrantNotFound>()("GrantNotFound", { id: Schema.String }) {}

/** An approval with the id exists. */
export class ApprovalExists extends Schema.TaggedError<ApprovalExists>()("ApprovalExists", { id: Schema.String }) {}

/** Returns the reason why a decision came too late. */
export const closedReason = ({ decision, resolvedBy, status }: ApprovalClosed): string => {
  switch (status) {
    case "expired":
      return "it expired before the decision"
    case "cancelled":
      return "its run ended before the decision"
    default:
      return `"${resolvedBy ?? "another operator"}" decided ${decision ?? status} before`
  }
}

/** The id, or the beginning of one that no other waiting approval has. */
const ApprovalId = Id

const list = Rpc.make("approvals.list", {
  payload: {},
  /** Oldest first. */
  success: Schema.Struct({ approvals: Schema.Array(Approval) }),
}).annotate(RequiredScope, "operator.approvals")

const get = Rpc.make("approvals.get", {
  payload: { id: ApprovalId },
  success: Approval,
  error: Schema.Union([ApprovalNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.approvals")

const history = Rpc.make("approvals.history", {
  payload: {
    /** `next` of the previous page. Left out: the newest. */
    before: Schema.optionalKey(Schema.Int),
    /** Left out: 50. */
    limit: Schema.optionalKey(PageSize),
  },
  /** Newest request first. `next` is null on the last page. */
  success: Schema.Struct({ approvals: Schema.Array(Approval), next: Schema.NullOr(Schema.Int) }),
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.approvals")

const request = Rpc.make("approvals.request", {
  payload: {
    /** Left out: the gateway makes one. */
    id: Schema.optionalKey(Id),
    /** Left out: `main`. */
    agentId: Schema.optionalKey(Id),
    sessionKey: Schema.optionalKey(printableText(SESSION_KEY_CHARS)),
    runId: Schema.optionalKey(Id),
    callId: Schema.optionalKey(Id),
    tool: nonEmptyText(NAME_CHARS),
    /** The whole input as JSON: operators decide on all of it. */
    input: text(APPROVAL_CHARS),
    /** Left out: all. `deny` is always possible. */
    decisions: Schema.optionalKey(listOf(ApprovalDecision, 3)),
    plugin: Schema.optionalKey(PluginRequest),
    /** Milliseconds until it expires. Left out: `tools.approvalMs`. */
    timeoutMs: Schema.optionalKey(RunMillis),
  },
  /** It is decided already if a grant covers the call. */
  success: Approval,
  error: Schema.Union([ApprovalExists, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.approvals")

const wait = Rpc.make("approvals.wait", {
  payload: {
    id: ApprovalId,
    /** Milliseconds: 30,000 by default, 600,000 at most. */
    timeoutMs: Schema.optionalKey(WaitMillis),
  },
  success: Approval,
  error: Schema.Union([ApprovalNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.approvals")

const decide = Rpc.make("approvals.decide", {
  payload: {
    id: ApprovalId,
    decision: ApprovalDecision,
    /** Days after which the grant of `allow-always` ends. Left out: it holds until somebody revokes it. */
    grantDays: Schema.optionalKey(GrantDays),
  },
  /** `applied`: false if the same decision was made before. */
  success: Schema.Struct({ applied: Schema.Boolean, approval: Approval }),
  error: Schema.Union([ApprovalNotFound, ApprovalClosed, DecisionUnavailable, StorageUnavailable]),
}).annotate(RequiredScope, "operator.approvals")

const grants = Rpc.make("approvals.grants", {
  payload: {},
  /** Newest first. */
  success: Schema.Struct({ grants: Schema.Array(ApprovalGrant) }),
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.approvals")

const revoke = Rpc.make("approvals.revoke", {
  payload: { id: nonEmptyText(64) },
  success: ApprovalGrant,
  error: Schema.Union([GrantNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.approvals")

export const ApprovalRpcs = RpcGroup.make(list, get, history, request, wait, decide, grants, revoke).middleware(
  Authorized,
)
