/**
 * ErrorMessages: the message of each error of the contract, for people at a terminal: the problem and the next step. The
 * compiler asks for a message when an error is added. Failure.ts uses it.
 */
import * as Predicate from "effect/Predicate"
import type * as Rpc from "effect/rpc/Rpc"
import { closedReason } from "../../domain/Approval.ts"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import { questionClosedReason } from "../../domain/Question.ts"
import type { Refusal } from "../../domain/Refusal.ts"

export type ContractError = Rpc.Error<GatewayRpcs> | Refusal

type Messages = {
  readonly [Tag in ContractError["_tag"]]: (error: Extract<ContractError, { readonly _tag: Tag }>) => string
}

/** `listing`: the command that lists the existing things. */
const unknown = (thing: string, id: string, listing: string): string =>
  `no ${thing} "${id}" (see \`causeway ${listing}\`)`

const messages: Messages = {
  AgentExists: ({ agentId }) =>
    `agent "${agentId}" already exists: change it with \`causeway agents update\`, or choose another id`,
  AgentNotFound: ({ agentId }) => unknown("agent", agentId, "agents list"),
  AgentProtected: ({ agentId }) =>
    `agent "${agentId}" cannot be deleted, because it answers the messages that no binding matches`,
  AnswersInvalid: ({ message }) => message,
  ApprovalClosed: (error) => `approval "${error.id}" does not wait any more: ${closedReason(error)}`,
  ApprovalExists: ({ id }) => `approval "${id}" already exists: choose another id`,
  ApprovalNotFound: ({ id, isAmbiguous }) =>
    isAmbiguous
      ? `several approvals begin with "${id}": give more characters of the id`
      : unknown("approval", id, "approvals list"),
  AttachmentNotFound: ({ id }) => `no attachment "${id}": its session was deleted, or it never existed`,
  AttachmentTooLarge: ({ id, limit, size }) =>
    `attachment "${id}" has ${size} bytes, more than the ${limit} of one answer: fetch it by its link`,
  AttachmentRefused: ({ message }) => message,
  BindingUnreachable: ({ matchKey, tier }) => `a binding of tier ${tier} never matches ${matchKey}: omit the tier`,
  CardNotFound: ({ id }) => unknown("card", id, "fleet"),
  CompactionFailed: ({ message }) => message,
  ConnectionNotFound: ({ connectionId }) => unknown("connection", connectionId, "connections list"),
  CursorInvalid: ({ cursor }) => `invalid cursor "${cursor}": start at the first page`,
  DecisionUnavailable: ({ decision, decisions, id }) =>
    `approval "${id}" cannot be decided as ${decision}: use ${decisions.join(" or ")}`,
  DeviceNotFound: ({ deviceId }) => unknown("device", deviceId, "devices list"),
  DocumentExists: ({ id }) => `document "${id}" already exists: omit --create to replace it`,
  DocumentNotFound: ({ id }) => unknown("document", id, "memory list"),
  DocumentTooLarge: ({ id, size }) => `document "${id}" has ${size} bytes, which is too large to send: read its file`,
  FleetCommandFailed: ({ message }) => message,
  Forbidden: ({ method, missingScope }) =>
    `this token may not call ${method}: use a token with the scope ${missingScope}`,
  GrantNotFound: ({ id }) => unknown("grant", id, "approvals grants"),
  IdempotencyConflict: ({ idempotencyKey, sessionKey }) =>
    `idempotency key "${idempotencyKey}" belongs to a message of session "${sessionKey}": choose another key`,
  LimitReached: ({ message }) => message,
  MemoryUnavailable: ({ detail, operation }) => `the gateway cannot ${operation} its memory folder: ${detail}`,
  ModelProblem: ({ message }) => message,
  PairingNotFound: ({ requestId, supersededBy }) =>
    supersededBy === undefined
      ? unknown("pairing request", requestId, "devices list")
      : `pairing request "${requestId}" was replaced by "${supersededBy}", which asks for other access (see \`causeway devices list\`)`,
  PairingScopesDiffer: ({ expectedScopes, requestId, requestedScopes }) =>
    `pairing request "${requestId}" asks for ${scopesLine(requestedScopes)}, not for ${scopesLine(expectedScopes)}: nothing was granted`,
  QuestionClosed: (error) => `question "${error.id}" does not wait any more: ${questionClosedReason(error)}`,
  QuestionExists: ({ id }) => `question "${id}" already exists: choose another id`,
  QuestionNotFound: ({ id, isAmbiguous }) =>
    isAmbiguous
      ? `several questions begin with "${id}": give more characters of the id`
      : unknown("question", id, "questions list"),
  RateLimited: ({ retryAfterMs }) => `too many requests: try again in ${retryAfterMs} ms`,
  RunNotFound: ({ runId }) => `no run "${runId}": it never started, or the gateway no longer keeps it`,
  ScopesNotGranted: ({ deviceId, scopes }) =>
    `device "${deviceId}" has no grant for ${scopes.join(", ")}: pair it again`,
  SessionBusy: ({ sessionKey, waiting }) =>
    `${waiting} messages wait in session "${sessionKey}": try again when the agent has answered some of them`,
  SessionConflict: ({ sessionKey }) => `session "${sessionKey}" changed in the meantime: read it again`,
  SessionExists: ({ sessionKey }) => `session "${sessionKey}" already exists: send to it, or choose another key`,
  SessionNotFound: ({ sessionKey }) => unknown("session", sessionKey, "sessions list"),
  ShuttingDown: () => "the gateway is stopping and accepts no new messages: try again after its restart",
  StorageUnavailable: ({ detail }) =>
    `the gateway cannot write to its database (${detail}): nothing was changed, try again`,
  Unauthenticated: ({ reason }) =>
    reason === "missing"
      ? "the gateway requires a token: set --token or GATEWAY_TOKEN, or name its state folder with --state-dir"
      : "the gateway rejected the token: set the right one with --token or GATEWAY_TOKEN",
}

const scopesLine = (scopes: ReadonlyArray<string>): string => scopes.join(", ") || "no scopes"

export const isContractError = (error: unknown): error is ContractError =>
  Predicate.hasProperty(error, "_tag") && Object.hasOwn(messages, String(error._tag)) && error instanceof Error

export const errorMessage = <Tag extends ContractError["_tag"]>(
  error: Extract<ContractError, { readonly _tag: Tag }> & { readonly _tag: Tag },
): string => messages[error._tag](error)
