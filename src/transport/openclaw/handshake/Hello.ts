/**
 * Hello: what a client is told once it is in: who it is here, what can be called, and how things stand. Pure; the
 * snapshot is asked of the contract as the client, so that it holds what the client may read and no more.
 */
import * as Effect from "effect/Effect"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Position, ResetReason } from "../../../domain/Event.ts"
import type { Limits } from "../../../domain/Limits.ts"
import type { Principal } from "../../../domain/Principal.ts"
import { VERSION } from "../../../domain/Version.ts"
import * as Redacted from "effect/Redacted"
import type { IssuedToken } from "../../../services/auth/Devices.ts"
import { call } from "../../dialect/Query.ts"
import { type Connect, type Protocol, resumed, scopesOf } from "./Connect.ts"
import type { JsonObject } from "../../dialect/Json.ts"
import { health } from "../methods/Health.ts"
import { capabilities, methodNames } from "../methods/Methods.ts"
import { eventNames } from "../events/Events.ts"
import { BOOT_ID, presence } from "../methods/Presence.ts"
import { emptyCatalog, agentCatalog } from "../methods/AgentCatalog.ts"

/** How often every client is told that the gateway is there. Clients give up after twice the time. */
export const TICK_MS = 30_000

/** Nobody counts versions of presence and health here: an event replaces what was known. */
const stateVersion = { presence: 1, health: 1 }

/** `mayRead`: without that scope the client learns that the gateway is well, and nothing of who and what is there. */
export const snapshot = (mayRead: boolean) => {
  const asked = Effect.all({
    own: call("health", {}),
    health,
    presence: mayRead ? presence() : Effect.succeed([]),
    roster: mayRead ? agentCatalog : Effect.succeed(emptyCatalog),
  })
  return Effect.map(asked, ({ health, own, presence, roster: { defaultId, models } }) => ({
    presence,
    health,
    stateVersion,
    uptimeMs: Math.round(own.uptimeMs),
    suspension: { phase: "accepting" },
    sessionDefaults: {
      defaultAgentId: defaultId,
      modelConfigured: models.length > 0,
      ownership: "sole",
      selectionRequired: false,
      mainKey: MAIN_AGENT,
      mainSessionKey: `agent:${defaultId}:main`,
      scope: "per-sender",
    },
  }))
}

const methodOf = ({ kind }: Principal): string => (kind === "device" ? "device-token" : kind)

const authOf = (connect: Connect, principal: Principal, issued: IssuedToken | undefined): JsonObject => {
  const { unknown } = scopesOf(connect)
  return {
    method: methodOf(principal),
    role: principal.role,
    scopes: principal.scopes,
    // What was asked for and is not given is said, never left out in silence.
    ...(unknown.length > 0 && { refusedScopes: unknown }),
    ...(issued !== undefined && {
      deviceToken: Redacted.value(issued.token),
      issuedAtMs: Math.floor(issued.issuedAt),
    }),
  }
}

export interface HelloFacts {
  readonly connect: Connect
  readonly protocol: Protocol
  readonly connectionId: string
  readonly principal: Principal
  readonly issued: IssuedToken | undefined
  readonly limits: Limits
  /** All that is told comes after it. */
  readonly position: Position
  /** Why what the client has missed cannot be told, if it asked and it cannot. */
  readonly lost: ResetReason | null
}

/** `snapshot`: JSON of the above. */
export const hello = (facts: HelloFacts, snapshot: unknown): JsonObject => {
  const { connect, connectionId, issued, limits, lost, position, principal, protocol } = facts
  return {
    type: "hello-ok",
    protocol,
    server: { version: VERSION, bootId: BOOT_ID, connId: connectionId },
    features: { methods: methodNames, events: eventNames, capabilities },
    // A page keeps the token for its next visit only where this says that it is one.
    snapshot: { ...Object(snapshot), authMode: principal.kind === "none" ? "none" : "token" },
    auth: authOf(connect, principal, issued),
    policy: {
      maxPayload: limits.frameBytes,
      maxBufferedBytes: limits.outboxBytes,
      tickIntervalMs: TICK_MS,
    },
    position,
    ...(resumed(connect) !== undefined && {
      resume: lost === null ? { resumed: true } : { resumed: false, reason: lost },
    }),
  }
}
