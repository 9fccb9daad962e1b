/**
 * Upgrades: from an HTTP request that wants a WebSocket to a connection, or to a refusal while it is still HTTP: unknown
 * path 404, foreign page 403, no room 503 or 429, wrong token 401. It knows paths and headers, no frames.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Authenticator } from "../../services/auth/Authenticator.ts"
import { clientAddress, isDirect, normalizeAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { GatewaySocket } from "../connection/GatewaySocket.ts"
import { FOREIGN, isPageAllowed, originPolicy } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { pathOf, queryOf } from "../connection/RequestTarget.ts"
import { type Admission, type Applicant, ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"

/** How long a closed socket may take to say goodbye before ws cuts it. */
const CLOSE_TIMEOUT_MS = 5_000

/** Of one message. Each costs as much as a small frame, and no client needs many: 4 MiB by the 4 KiB of small buffers. */
const MAX_FRAGMENTS = 1_024

/** Stays on the stream for good, so it is no closure: one would keep the HTTP request alive as long. */
function destroy(this: Duplex): void {
  this.destroy()
}

const refusals = {
  404: "Not Found",
  403: "Forbidden",
  401: "Unauthorized",
  429: "Too Many Requests",
  503: "Service Unavailable",
} as const

const refuse = (stream: Duplex, status: keyof typeof refusals, problem: string, retryAfterMs?: number): void => {
  const body = JSON.stringify({ error: problem })
  stream.on("error", destroy)
  // The server leaves its half of a socket open, and so may the client.
  stream.once("finish", destroy)
  stream.end(
    `HTTP/1.1 ${status} ${refusals[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      (retryAfterMs === undefined ? "" : `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}\r\n`) +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const noRoom = {
  stopping: [503, "the gateway is going down"],
  full: [503, "the gateway has as many connections as it may"],
  "too-many-unauthenticated": [429, "too many unauthenticated connections from this address"],
  "too-many-foreign": [403, FOREIGN],
} as const satisfies Record<Exclude<Admission, "admitted">, readonly [keyof typeof refusals, string]>

/** `Authorization: Bearer`, or `?token=` for browsers, which can set no header. */
export const presentedToken = (
  authorization: string | undefined,
  url: string,
): Redacted.Redacted<string> | undefined => {
  const bearer = /^bearer +(\S.*)$/i.exec(authorization ?? "")?.[1]
  if (bearer !== undefined) return Redacted.make(bearer)
  if (!url.includes("token=")) return undefined
  const token = queryOf(url).get("token")
  return token === null ? undefined : Redacted.make(token)
}

export class Upgrades extends Context.Service<
  Upgrades,
  {
    /** Listener of a Node HTTP server's `upgrade` event. */
    readonly handle: (request: IncomingMessage, stream: Duplex, head: Buffer) => void
  }
>()("causeway/transport/http/Upgrades") {
  static readonly layer: Layer.Layer<
    Upgrades,
    never,
    GatewayConfig | Authenticator | RefusalLog | ConnectionSupervisor | WireRegistry
  > = Layer.effect(
    Upgrades,
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const authenticator = yield* Authenticator
      const sockets = yield* ConnectionSupervisor
      const wires = yield* WireRegistry
      const runFork = Effect.runForkWith(yield* Effect.context())
      const log = yield* RefusalLog
      const proxies = proxiesOf(config)
      const origins = originPolicy(config)
      const options = {
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: config.limits.preAuthFrameBytes,
        maxFragments: MAX_FRAGMENTS,
        // The connection answers pings itself: ws answers each, and cuts who sends sixty at once.
        autoPong: false,
        closeTimeout: CLOSE_TIMEOUT_MS,
        WebSocket: GatewaySocket,
      }
      const server = new WebSocketServer(options)

      const handle = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
        // Without an address the client is gone.
        if (!(stream instanceof Socket) || stream.remoteAddress === undefined) {
          stream.destroy()
          return
        }
        const { headers, url = "/" } = request
        const wire = wires.at(pathOf(url))
        if (wire === undefined) return refuse(stream, 404, "nothing is spoken here")
        const handshake = wire.handshake === true
        const connected = normalizeAddress(stream.remoteAddress)
        const remoteAddress = clientAddress(proxies, connected, headers)
        const origin = {
          remoteAddress,
          direct: isDirect(proxies, connected, headers),
          originAllowed: isPageAllowed(origins, headers),
        }
        const turnAway = (status: keyof typeof refusals, problem: string, retryAfterMs?: number): void => {
          log.note(remoteAddress, `${status} ${problem}`)
          refuse(stream, status, problem, retryAfterMs)
        }
        if (!origin.originAllowed) {
          log.note(remoteAddress, FOREIGN, headers.origin)
          if (!handshake) return refuse(stream, 403, FOREIGN)
        }

        const upgrade = (principal: Principal | undefined): void => {
          const applicant: Applicant = { origin, isAuthenticated: principal !== undefined, explainsRefusals: handshake }
          const admission = sockets.admit(applicant)
          if (admission !== "admitted") {
            const [status, problem] = noRoom[admission]
            return origin.originAllowed ? turnAway(status, problem) : refuse(stream, status, problem)
          }
          let opened = false
          server.handleUpgrade(request, stream, head, (socket) => {
            opened = true
            sockets.open(socket, stream, wire, origin, principal)
          })
          // ws answers an improper handshake by itself.
          if (!opened) sockets.withdraw(applicant)
        }

        if (handshake) return upgrade(undefined)
        const token = presentedToken(headers.authorization, url)
        if (token === undefined && !authenticator.open) return upgrade(undefined)
        // A client with a credential needs no place among strangers, which others may have taken.
        stream.on("error", destroy)
        const fiber = runFork(authenticator.authenticate(token, remoteAddress))
        fiber.addObserver((exit) => {
          if (Exit.isSuccess(exit)) return upgrade(exit.value)
          const retryAfterMs = Option.getOrUndefined(Exit.findErrorOption(exit))?.retryAfterMs
          if (retryAfterMs === undefined) refuse(stream, 401, "the token is not right")
          else turnAway(429, "too many wrong tokens from this address", retryAfterMs)
        })
      }

      return Upgrades.of({ handle })
    }),
  )
}
