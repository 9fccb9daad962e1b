/**
 * Sockets: every connection of every wire, from its upgrade to the end of its socket: how many there may be, the
 * heartbeat over all of them, and how they all end. It knows no dialect and no HTTP.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Socket } from "node:net"
import type { GatewayStopping } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Authenticator } from "../../services/auth/Authenticator.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { Events } from "../../services/events/Events.ts"
import type { ActorHost } from "./ActorHost.ts"
import * as AdmissionControl from "./AdmissionControl.ts"
import { type CloseCode, CloseCodes } from "./CloseCodes.ts"
import { ConnectionActor } from "./ConnectionActor.ts"
import type { GatewaySocket } from "./GatewaySocket.ts"
import { PrincipalUsage } from "./PrincipalUsage.ts"
import { RefusalLog } from "./RefusalLog.ts"
import { TcpConnections } from "./TcpConnections.ts"
import { monotonicMs, LoopBatch } from "./LoopBatch.ts"
import type { ConnectionOrigin, Wire } from "./WireRegistry.ts"

/** How long clients get to answer the close frame before their sockets are cut. */
const CLOSE_DEADLINE_MS = 2_000

export type Admission = AdmissionControl.Admission | "stopping"

/** A client that asks for a connection. */
export interface Applicant {
  readonly arrival: Pick<ConnectionOrigin, "remoteAddress" | "originAllowed">
  /** Its HTTP request has proved who it is, so it needs no place among strangers. */
  readonly isAuthenticated: boolean
  /** Its wire can say that the gateway is stopping, so that it is let in to hear it. */
  readonly isToldWhy: boolean
}

export class ConnectionSupervisor extends Context.Service<
  ConnectionSupervisor,
  {
    /** Takes a place. An admitted client must be given to `open`, or its place back by `withdraw`. */
    readonly admit: (applicant: Applicant) => Admission
    readonly withdraw: (applicant: Applicant) => void
    /** Begins the connection's life. `principal`: who it is, where its HTTP request has proved it. */
    readonly open: (
      socket: GatewaySocket,
      stream: Socket,
      wire: Wire,
      arrival: ConnectionOrigin,
      principal: Principal | undefined,
    ) => void
    readonly size: () => number
    /** No new connections from now on, and clients are told that the gateway is going down. */
    stopAccepting(notice: Omit<GatewayStopping, "_tag">): Effect.Effect<void>
    /** Flushes every outbox, closes every connection, and cuts those that have not answered in time. */
    closeAll(close: CloseCode, detail?: string): Effect.Effect<void>
  }
>()("causeway/transport/connection/ConnectionSupervisor") {
  static readonly layer: Layer.Layer<
    ConnectionSupervisor,
    never,
    GatewayConfig | Connections | Authenticator | Events | PrincipalUsage | RefusalLog | TcpConnections
  > = Layer.effect(
    ConnectionSupervisor,
    Effect.gen(function* () {
      const { limits } = yield* GatewayConfig
      const connections = yield* Connections
      const authenticator = yield* Authenticator
      const events = yield* Events
      const usages = yield* PrincipalUsage
      const refusals = yield* RefusalLog
      const tcp = yield* TcpConnections
      const clock = yield* Clock.Clock
      const fork = Effect.runForkWith(yield* Effect.context())
      const actors = new Set<ConnectionActor>()
      /** Those whose clients have not authenticated, with their TCP connections. */
      const strangers = new Map<ConnectionActor, Socket>()
      const admissions = new AdmissionControl.AdmissionControl(limits)
      let phase: "accepting" | "stopping" | "closing" = "accepting"
      let onEmpty: (() => void) | undefined

      const settle = (actor: ConnectionActor) => {
        const stream = strangers.get(actor)
        if (stream === undefined) return
        strangers.delete(actor)
        admissions.leave(actor.remoteAddress, !actor.arrival.originAllowed)
        if (actor.principal !== undefined) tcp.release(stream)
      }

      const host: ActorHost<ConnectionActor> = {
        limits,
        clock,
        turn: new LoopBatch(clock),
        connections,
        authenticator,
        usageOf: usages.of,
        head: events.head,
        stopping: () => phase !== "accepting",
        fork,
        onSettled: settle,
        onRefused: ({ arrival, remoteAddress }, reason) => {
          // Of a foreign page Upgrades.ts has logged the origin.
          if (arrival.originAllowed) refusals.note(remoteAddress, reason)
        },
        onGone: (actor) => {
          actors.delete(actor)
          if (actors.size === 0) onEmpty?.()
        },
      }

      const allGone = Effect.callback<void>((resume) => {
        if (actors.size === 0) return resume(Effect.void)
        onEmpty = () => resume(Effect.void)
      })

      const closeAll = Effect.fn("Sockets.closeAll")(function* (close: CloseCode, detail?: string) {
        phase = "closing"
        for (const actor of actors) actor.close(close, detail)
        yield* Effect.timeoutOrElse(allGone, {
          duration: CLOSE_DEADLINE_MS,
          orElse: () => Effect.sync(() => actors.forEach((actor) => actor.terminate())),
        })
      })

      yield* Effect.addFinalizer(() => closeAll(CloseCodes.restart))
      const checkHeartbeats = Effect.sync(() => {
        const now = monotonicMs(clock)
        for (const actor of actors) actor.checkHeartbeat(now)
      })
      if (limits.heartbeatMs > 0) {
        // After the sockets have been read: if the loop was held up, what came meanwhile is a sign of life.
        const check = Effect.andThen(Effect.yieldNow, checkHeartbeats)
        yield* Effect.forkScoped(Effect.forever(Effect.delay(check, limits.heartbeatMs / 4)))
      }

      return ConnectionSupervisor.of({
        admit: ({ arrival: { originAllowed, remoteAddress }, isAuthenticated, isToldWhy }) => {
          if (phase === "closing" || (phase === "stopping" && !isToldWhy)) return "stopping"
          if (actors.size - admissions.foreign >= limits.connections) return "full"
          return isAuthenticated ? "admitted" : admissions.admit(remoteAddress, !originAllowed)
        },
        withdraw: ({ arrival: { originAllowed, remoteAddress }, isAuthenticated }) => {
          if (!isAuthenticated) admissions.leave(remoteAddress, !originAllowed)
        },
        open: (socket, stream, wire, arrival, principal) => {
          const actor = new ConnectionActor(host, socket, stream, wire, arrival)
          actors.add(actor)
          if (principal === undefined) strangers.set(actor, stream)
          else tcp.release(stream)
          actor.start(principal)
        },
        size: () => actors.size,
        stopAccepting: Effect.fn("Sockets.stopAccepting")(function* (notice) {
          phase = "stopping"
          yield* Effect.sync(() => events.publishLive({ _tag: "GatewayStopping", ...notice }))
        }),
        closeAll,
      })
    }),
  )
}
