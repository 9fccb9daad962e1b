/**
 * Wording: what each error of the contract says to a person at a terminal: what is wrong and, where there is something
 * to do, what. The compiler asks for a line where an error is added.
 */
import * as Predicate from "effect/Predicate"
import type * as Rpc from "effect/rpc/Rpc"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Refusal } from "../../domain/Refusal.ts"

export type ContractError = Rpc.Error<GatewayRpcs> | Refusal

type Words = {
  readonly [Tag in ContractError["_tag"]]: (error: Extract<ContractError, { readonly _tag: Tag }>) => string
}

const messages: Words = {
  AgentExists: ({ agentId }) =>
    `there is an agent ${agentId} already: change it by agents update, or choose another id`,
  AgentNotFound: ({ agentId }) => `there is no agent ${agentId}: agents list shows those there are`,
  AgentProtected: ({ agentId }) => `the agent ${agentId} cannot be deleted: it answers whatever nobody else does`,
  BindingUnreachable: ({ matchKey, tier }) =>
    `a binding of tier ${tier} is never asked for ${matchKey}: leave the tier out`,
  ConnectionNotFound: ({ connectionId }) =>
    `there is no connection ${connectionId}: connections list shows those there are`,
  CursorInvalid: ({ cursor }) => `no list gave the cursor ${cursor}: begin at the first page`,
  DeviceNotFound: ({ deviceId }) => `there is no device ${deviceId}: devices list shows those there are`,
  DocumentExists: ({ id }) => `there is a document ${id} already: leave --create out to replace it`,
  DocumentNotFound: ({ id }) => `there is no document ${id}: memory list shows those there are`,
  DocumentTooLarge: ({ id, size }) => `the document ${id} has ${size} bytes, more than are sent: read its file`,
  Forbidden: ({ method, missingScope }) => `this token may not call ${method}: it lacks ${missingScope}`,
  IdempotencyConflict: ({ idempotencyKey, sessionKey }) =>
    `the key ${idempotencyKey} belongs to a message of session ${sessionKey}: choose another`,
  LimitReached: ({ message }) => message,
  MemoryUnavailable: ({ detail, operation }) => `the gateway cannot ${operation} its memory folder: ${detail}`,
  PairingNotFound: ({ requestId, supersededBy }) =>
    supersededBy === undefined
      ? `no device waits under ${requestId}: devices list shows those that do`
      : `the device of request ${requestId} now asks for something else, under ${supersededBy}: see devices list`,
  PairingScopesDiffer: ({ expectedScopes, requestId, requestedScopes }) =>
    `the request ${requestId} asks for ${scopesLine(requestedScopes)}, not for ${scopesLine(expectedScopes)}: nothing was granted`,
  RateLimited: ({ retryAfterMs }) => `too many requests: try again in ${retryAfterMs} ms`,
  RunNotFound: ({ runId }) => `there is no run ${runId}: it was never begun, or is forgotten`,
  ScopesNotGranted: ({ deviceId, scopes }) =>
    `the device ${deviceId} was not granted ${scopes.join(", ")}: pair it again`,
  SessionBusy: ({ sessionKey, waiting }) =>
    `${waiting} messages wait in session ${sessionKey}: try again when some are answered`,
  SessionConflict: ({ sessionKey }) => `session ${sessionKey} has changed meanwhile: look at it again`,
  SessionExists: ({ sessionKey }) => `there is a session ${sessionKey} already: send to it`,
  SessionNotFound: ({ sessionKey }) => `there is no session ${sessionKey}: sessions list shows those there are`,
  ShuttingDown: () => "the gateway is stopping and takes no new messages: try again when it is back",
  StorageUnavailable: ({ detail }) =>
    `the gateway cannot write to its database (${detail}): nothing was changed, try again`,
  Unauthenticated: ({ reason }) =>
    reason === "missing"
      ? "the gateway asks for a token: give it by --token or GATEWAY_TOKEN, or its state folder by --state-dir"
      : "the gateway refused the token: give its token by --token or GATEWAY_TOKEN",
}

const scopesLine = (scopes: ReadonlyArray<string>): string => scopes.join(", ") || "no scopes"

export const isContractError = (error: unknown): error is ContractError =>
  Predicate.hasProperty(error, "_tag") && Object.hasOwn(messages, String(error._tag)) && error instanceof Error

export const errorMessage = <Tag extends ContractError["_tag"]>(
  error: Extract<ContractError, { readonly _tag: Tag }> & { readonly _tag: Tag },
): string => messages[error._tag](error)
