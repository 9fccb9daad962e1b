/**
 * Hello: makes hello-ok, the answer to `connect`: the client's rights, the methods and events, and a snapshot of the
 * gateway. The snapshot is made of calls as the client, so it has only facts that the client may read. New clients share
 * its text, and that of the methods. OpenClaw.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { Position, ResetReason } from "../../../domain/Event.ts"
import type { GatewaySettings } from "../../../domain/GatewayConfig.ts"
import type { Limits } from "../../../domain/Limits.ts"
import type { Principal } from "../../../domain/Principal.ts"
import { VERSION } from "../../../domain/Version.ts"
import * as Redacted from "effect/Redacted"
import type { IssuedToken } from "../../../services/auth/Devices.ts"
import { cached, call } from "../../dialect/Query.ts"
import { type Connect, type Protocol, resumed, scopesOf } from "./Connect.ts"
import type { JsonObject } from "../../dialect/Json.ts"
import { health } from "../methods/Health.ts"
import { capabilities, methodNames } from "../methods/Methods.ts"
import { eventNames } from "../events/Events.ts"
import { BOOT_ID } from "../methods/Presence.ts"
import { emptyCatalog, agentCatalog } from "../methods/AgentCatalog.ts"
import { MAIN_KEY, mainSessionKey } from "../methods/SessionKeys.ts"

/** The interval of ticks. Clients disconnect after twice this time without a frame. */
export const TICK_MS = 30_000

/** The gateway does not count versions of presence and health: each event replaces the client's copy. */
const stateVersion = { presence: 1, health: 1 }

const snapshotOf = (mayRead: boolean) =>
  cached(
    Effect.gen(function* () {
      const { uptimeMs } = yield* call("health", {})
      const healthNow = yield* health
      const { defaultId, models } = mayRead ? yield* agentCatalog : emptyCatalog
      return {
        health: healthNow,
        stateVersion,
        uptimeMs: Math.round(uptimeMs),
        suspension: { phase: "accepting" },
        sessionDefaults: {
          defaultAgentId: defaultId,
          modelConfigured: models.length > 0,
          ownership: "sole",
          selectionRequired: false,
          mainKey: MAIN_KEY,
          mainSessionKey: mainSessionKey(defaultId),
          scope: "per-sender",
        },
      }
    }),
  )

const snapshotForReaders = snapshotOf(true)
const snapshotForOthers = snapshotOf(false)

/** The snapshot without presence. `mayRead`: whether the client has the scope that agents require. */
export const snapshot = (mayRead: boolean) => (mayRead ? snapshotForReaders : snapshotForOthers)

const methodOf = ({ kind }: Principal): string => (kind === "device" ? "device-token" : kind)

const authOf = (connect: Connect, principal: Principal, issued: IssuedToken | undefined): JsonObject => {
  const { unknown } = scopesOf(connect)
  return {
    method: methodOf(principal),
    role: principal.role,
    scopes: principal.scopes,
    // No scope disappears silently.
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
  readonly attachments: GatewaySettings["attachments"]
  /** The client gets the events after this position. */
  readonly position: Position
  /** Why the client cannot resume, or null if it can or does not want to. */
  readonly resumeError: ResetReason | null
}

/** The bytes of a frame beside the file in it. */
const FRAME_REST_BYTES = 65_536

/** Returns the bytes of a file that fits into a frame. Base64 needs four characters for three bytes. */
const fileBytesOf = (frameBytes: number): number => Math.max(1, Math.floor(((frameBytes - FRAME_REST_BYTES) * 3) / 4))

/** The longest part of most answers. */
const features = JSON.stringify({ methods: methodNames, events: eventNames, capabilities })

/** Makes hello-ok as JSON. `snapshot`: the result of `snapshot` as JSON. `presence`: the list of present clients as JSON. */
export const hello = (facts: HelloFacts, snapshot: string, presence: string): string => {
  const { attachments, connect, connectionId, issued, limits, position, principal, protocol, resumeError } = facts
  const server = JSON.stringify({ version: VERSION, bootId: BOOT_ID, connId: connectionId })
  const rest = JSON.stringify({
    auth: authOf(connect, principal, issued),
    policy: {
      maxPayload: limits.frameBytes,
      maxBufferedBytes: limits.outboxBytes,
      tickIntervalMs: TICK_MS,
      attachments: {
        maxBytes: Math.min(attachments.maxBytes, fileBytesOf(limits.frameBytes)),
        maxImageBytes: Math.min(attachments.maxImageBytes, fileBytesOf(limits.frameBytes)),
      },
    },
    position,
    ...(resumed(connect) !== undefined && {
      resume: resumeError === null ? { resumed: true } : { resumed: false, reason: resumeError },
    }),
  })
  // A page keeps the token for its next visit only if this says `token`.
  const authMode = principal.kind === "none" ? "none" : "token"
  const state = `{"presence":${presence},${snapshot.slice(1, -1)},"authMode":"${authMode}"}`
  const head = `{"type":"hello-ok","protocol":${protocol},"server":${server}`
  return `${head},"features":${features},"snapshot":${state},${rest.slice(1)}`
}
