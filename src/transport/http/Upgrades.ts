/**
 * Upgrades: turns an HTTP upgrade request into a connection, or refuses it: unknown path 404, foreign page 403, no room
 * 503 or 429, wrong token 401. GatewayServer.ts calls it for every upgrade.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type IncomingMessage, STATUS_CODES } from "node:http"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Unauthenticated } from "../../domain/Refusal.ts"
import { Authenticator } from "../../services/auth/Authenticator.ts"
import { clientAddress, isDirect, normalizeAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { GatewaySocket } from "../connection/GatewaySocket.ts"
import { FOREIGN, isPageAllowed, originPolicy } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { type Admission, type Applicant, ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"
import { presentedToken, tokenRefusal } from "./BearerToken.ts"

/** Time for a client to answer a close frame before ws cuts the socket. */
const CLOSE_TIMEOUT_MS = 5_000

/** Most fragments of one message. Each costs as much as a small frame; 4 KiB fragments make 4 MiB. */
const MAX_FRAGMENTS = 1_024

/** A function without a closure: it stays on the stream, and a closure would keep the HTTP request in memory. */
function destroy(this: Duplex): void {
  this.destroy()
}

const uncork = (stream: Duplex): void => stream.uncork()

type Status = 401 | 403 | 404 | 429 | 503

/** Writes the response by hand: Node gives no response object for an upgrade. */
const refuse = (
  stream: Duplex,
  status: Status,
  error: string,
  headers: Readonly<Record<string, string>> = {},
): void => {
  const body = JSON.stringify({ error })
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  stream.on("error", destroy)
  // The server leaves its half of a socket open, and so may the client.
  stream.once("finish", destroy)
  stream.end(`${lines.join("\r\n")}\r\n\r\n${body}`)
}

const noRoom = {
  stopping: [503, "the gateway is stopping"],
  full: [503, "the gateway has reached its limit of connections"],
  "too-many-unauthenticated": [429, "too many unauthenticated connections from this address"],
  "too-many-foreign": [403, FOREIGN],
} as const satisfies Record<Exclude<Admission, "admitted">, readonly [Status, string]>

export class Upgrades extends Context.Service<
  Upgrades,
  {
    /** Listens to a Node server's `upgrade` event. */
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
      const supervisor = yield* ConnectionSupervisor
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
        // The connection answers pings itself: ws would answer each, and cut a client that sends sixty at once.
        autoPong: false,
        closeTimeout: CLOSE_TIMEOUT_MS,
        WebSocket: GatewaySocket,
      }
      const server = new WebSocketServer(options)

      const handle = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
        // A socket without an address is closed already.
        if (!(stream instanceof Socket) || stream.remoteAddress === undefined) {
          stream.destroy()
          return
        }
        const { headers, url = "/" } = request
        const wire = wires.at(pathOf(url))
        if (wire === undefined) return refuse(stream, 404, "no WebSocket at this path")
        const handshake = wire.handshake === true
        const connected = normalizeAddress(stream.remoteAddress)
        const remoteAddress = clientAddress(proxies, connected, headers)
        const origin = {
          remoteAddress,
          // Other wires pair no devices, and the answer costs as much as a tenth of a connection.
          direct: handshake && isDirect(proxies, connected, headers),
          originAllowed: isPageAllowed(origins, headers),
        }
        if (!origin.originAllowed) {
          log.note(remoteAddress, FOREIGN, headers.origin)
          if (!handshake) return refuse(stream, 403, FOREIGN)
        }

        const upgrade = (principal: Principal | undefined): void => {
          const applicant: Applicant = { origin, isAuthenticated: principal !== undefined, explainsRefusals: handshake }
          const admission = supervisor.admit(applicant)
          if (admission !== "admitted") {
            const [status, problem] = noRoom[admission]
            // The origin of a foreign page is in the log already.
            if (origin.originAllowed) log.note(remoteAddress, `${status} ${problem}`)
            return refuse(stream, status, problem)
          }
          let opened = false
          // The greeting leaves with the response, in one write.
          if (wire.greets === true) stream.cork()
          server.handleUpgrade(request, stream, head, (socket) => {
            opened = true
            supervisor.open(socket, stream, wire, origin, principal)
          })
          if (wire.greets === true) process.nextTick(uncork, stream)
          // ws has answered an invalid handshake itself.
          if (!opened) supervisor.withdraw(applicant)
        }

        if (handshake) return upgrade(undefined)
        const token = presentedToken(headers.authorization, url)
        if (token === undefined && !authenticator.open) return upgrade(undefined)
        const answer = (exit: Exit.Exit<Principal, Unauthenticated>): void => {
          if (Exit.isSuccess(exit)) return upgrade(exit.value)
          const failure = Exit.findErrorOption(exit)
          // Interrupted, because the gateway stops, or a bug.
          if (Option.isNone(failure)) return refuse(stream, 503, "try again later")
          const { error, headers, logLine, status } = tokenRefusal(failure.value)
          if (logLine !== undefined) log.note(remoteAddress, logLine)
          refuse(stream, status, error, headers)
        }
        // A client with a valid credential does not count as a stranger, so that strangers cannot keep it out.
        const authenticated = authenticator.authenticate(token, remoteAddress)
        if (Exit.isExit(authenticated)) return answer(authenticated as Exit.Exit<Principal, Unauthenticated>)
        stream.on("error", destroy)
        runFork(authenticated).addObserver(answer)
      }

      return Upgrades.of({ handle })
    }),
  )
}
