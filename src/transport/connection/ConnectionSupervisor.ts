/**
 * ConnectionSupervisor: all live connections of all wires, and the clients of event streams over HTTP. It admits clients
 * within the limits, starts their actors, checks their heartbeats, and closes all of them. http/Upgrades.ts opens
 * connections, EventStreams.ts joins its clients, and Drain.ts stops all of them.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import { monotonicMs } from "../../domain/MonotonicTime.ts"
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
import { HandshakeDeadlines } from "./HandshakeDeadlines.ts"
import { LoopBatch } from "./LoopBatch.ts"
import type { ConnectionOrigin } from "./Peer.ts"
import { PrincipalUsage } from "./PrincipalUsage.ts"
import { RefusalLog } from "./RefusalLog.ts"
import { TcpConnections } from "./TcpConnections.ts"
import { addTo, type Traffic } from "./Traffic.ts"
import type { Wire } from "./Wire.ts"

/** Time for clients to answer the close frame before their sockets are cut. */
const CLOSE_DEADLINE_MS = 2_000

export type Admission = AdmissionControl.Admission | "stopping"

/** The figures of all WebSockets since the start. */
export interface SocketFigures {
  readonly traffic: ReadonlyMap<string, Traffic>
  /** Frames that wait for all clients, and for the slowest. */
  readonly waitingFrames: number
  readonly mostWaitingFrames: number
  /** How many the gateway has closed, by the reason of CloseCodes.ts. */
  readonly closes: ReadonlyMap<string, number>
}

/** A client that requests a connection. */
export interface Applicant {
  readonly origin: Pick<ConnectionOrigin, "remoteAddress" | "originAllowed">
  /** Its HTTP request has authenticated it, so it does not count as a stranger. */
  readonly isAuthenticated: boolean
  /** Its wire can explain refusals, so the gateway admits it while it stops, to inform it. */
  readonly explainsRefusals: boolean
}

export class ConnectionSupervisor extends Context.Service<
  ConnectionSupervisor,
  {
    /** Counts the client against the limits. Call `open` or `withdraw` for every client that it admits. */
    readonly admit: (applicant: Applicant) => Admission
    readonly withdraw: (applicant: Applicant) => void
    /** Starts the connection's actor. `principal`: the client, if its HTTP request has authenticated it. */
    readonly open: (
      socket: GatewaySocket,
      stream: Socket,
      wire: Wire,
      origin: ConnectionOrigin,
      principal: Principal | undefined,
    ) => void
    /**
     * Counts a client of another kind, e.g. of an HTTP response that lasts, until the scope closes. Its HTTP request has
     * authenticated it. `close` ends it. Fails if there is no room.
     */
    join(close: (close: CloseCode) => void): Effect.Effect<void, "full" | "stopping", Scope.Scope>
    readonly size: () => number
    readonly figures: () => SocketFigures
    /** Refuses new connections and announces the stop to all clients. */
    stopAccepting(notice: Omit<GatewayStopping, "_tag">): Effect.Effect<void>
    /** Flushes every outbox, closes every connection, and cuts those that do not answer the close frame in time. */
    closeAll(close: CloseCode): Effect.Effect<void>
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
      /** The traffic of the sockets that are gone, by dialect. */
      const gone = new Map<string, Traffic>()
      const closes = new Map<string, number>()
      /** Closes each client that has no actor. */
      const others = new Set<(close: CloseCode) => void>()
      /** Actors of clients that have not authenticated, with their TCP connections. */
      const strangers = new Map<ConnectionActor, Socket>()
      const deadlines = yield* HandshakeDeadlines.make(limits.handshakeTimeoutMs, clock, ({ peer }: ConnectionActor) =>
        peer.close(CloseCodes.handshakeTimeout),
      )
      const admissions = new AdmissionControl.AdmissionControl(limits)
      let phase: "accepting" | "stopping" | "closing" = "accepting"
      let onEmpty: (() => void) | undefined

      const isFull = () => actors.size + others.size - admissions.foreign >= limits.connections

      const settle = (actor: ConnectionActor) => {
        const stream = strangers.get(actor)
        if (stream === undefined) return
        strangers.delete(actor)
        deadlines.delete(actor)
        const { origin, principal } = actor.peer
        admissions.leave(origin.remoteAddress, !origin.originAllowed)
        if (principal !== undefined) tcp.release(stream)
      }

      const host: ActorHost<ConnectionActor> = {
        limits,
        clock,
        batch: new LoopBatch(clock),
        connections,
        authenticator,
        usageOf: usages.of,
        head: events.head,
        stopping: () => phase !== "accepting",
        fork,
        onSettled: settle,
        onRefused: ({ peer: { origin } }, reason) => {
          // Upgrades.ts has logged the origin of a foreign page.
          if (origin.originAllowed) refusals.note(origin.remoteAddress, reason)
        },
        onClosed: ({ reason }) => void closes.set(reason, (closes.get(reason) ?? 0) + 1),
        onGone: (actor) => {
          addTo(gone, actor.dialect, actor.traffic())
          actors.delete(actor)
          if (actors.size === 0) onEmpty?.()
        },
      }

      const allGone = Effect.callback<void>((resume) => {
        if (actors.size === 0) return resume(Effect.void)
        onEmpty = () => resume(Effect.void)
      })

      const closeAll = Effect.fn("ConnectionSupervisor.closeAll")(function* (close: CloseCode) {
        phase = "closing"
        for (const actor of actors) actor.peer.close(close)
        for (const closeOther of others) closeOther(close)
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
        // After the sockets have been read: bytes that arrived while the loop was blocked are a sign of life.
        const check = Effect.andThen(Effect.yieldNow, checkHeartbeats)
        yield* Effect.forkScoped(Effect.forever(Effect.delay(check, limits.heartbeatMs / 4)))
      }

      return ConnectionSupervisor.of({
        admit: ({ explainsRefusals, isAuthenticated, origin: { originAllowed, remoteAddress } }) => {
          if (phase === "closing" || (phase === "stopping" && !explainsRefusals)) return "stopping"
          if (isFull()) return "full"
          return isAuthenticated ? "admitted" : admissions.admit(remoteAddress, !originAllowed)
        },
        withdraw: ({ isAuthenticated, origin: { originAllowed, remoteAddress } }) => {
          if (!isAuthenticated) admissions.leave(remoteAddress, !originAllowed)
        },
        open: (socket, stream, wire, origin, principal) => {
          const actor = new ConnectionActor(host, socket, stream, wire, origin)
          actors.add(actor)
          if (principal === undefined) {
            strangers.set(actor, stream)
            deadlines.add(actor)
          } else {
            tcp.release(stream)
          }
          actor.start(principal)
        },
        join: (close) =>
          Effect.acquireRelease(
            Effect.suspend(() => {
              if (phase !== "accepting") return Effect.fail("stopping" as const)
              if (isFull()) return Effect.fail("full" as const)
              others.add(close)
              return Effect.void
            }),
            () => Effect.sync(() => others.delete(close)),
          ),
        size: () => actors.size + others.size,
        figures: () => {
          const traffic = new Map(gone)
          let waitingFrames = 0
          let mostWaitingFrames = 0
          for (const actor of actors) {
            addTo(traffic, actor.dialect, actor.traffic())
            waitingFrames += actor.waitingFrames
            mostWaitingFrames = Math.max(mostWaitingFrames, actor.waitingFrames)
          }
          return { traffic, waitingFrames, mostWaitingFrames, closes }
        },
        stopAccepting: Effect.fn("ConnectionSupervisor.stopAccepting")(function* (notice) {
          phase = "stopping"
          yield* Effect.sync(() => events.publishLive({ _tag: "GatewayStopping", ...notice }))
        }),
        closeAll,
      })
    }),
  )
}
