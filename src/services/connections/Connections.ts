/**
 * Connections: the registry of the connections of all wires. The transport registers them; the handlers and the middleware
 * read them. It publishes the list of present clients as a live event.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import {
  type ClientProfile,
  type ConnectionInfo,
  ConnectionNotFound,
  type PresenceEntry,
} from "../../domain/Connection.ts"
import type { LogFacts } from "../../domain/Log.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Events } from "../events/Events.ts"
import { EventBus } from "../storage/EventBus.ts"

/** The facts and actions that a wire provides for one of its connections. `Connections.list` calls the getters. */
export interface Connection {
  readonly dialect: string
  readonly remoteAddress: string
  /** The time of the last received frame, in milliseconds since 1970. */
  readonly lastInboundAt: () => number
  readonly callsInFlight: () => number
  readonly outboxBytes: () => number
  /** The reason of the end and the traffic, for the log. Left out: not known. */
  readonly ending?: () => LogFacts
  /** Closes the connection on behalf of an operator. */
  readonly closeByOperator: (reason: string | undefined) => void
  /** Closes the connection because its credential was revoked. */
  readonly closeRevoked: (reason: string) => void
}

export interface Registration {
  /** Unique across all wires for the life of the process. It is also the client id of RpcServer on every wire. */
  readonly clientId: number
  /** The id that clients see, such as `c42`. */
  readonly id: string
  /** Sets the principal and the client, and lists the connection as present. */
  readonly identify: (principal: Principal, client?: string, profile?: ClientProfile) => void
  /** Sets the principal only, for HTTP requests, which are never present. */
  readonly setPrincipal: (principal: Principal) => void
}

/** The principal of a connection, with the facts that handlers need. */
export interface ConnectionIdentity {
  readonly id: string
  readonly dialect: string
  readonly principal: Principal
  readonly remoteAddress: string
}

export class Connections extends Context.Service<
  Connections,
  {
    /** Registers the connection until the scope closes. */
    register(connection: Connection): Effect.Effect<Registration, never, Scope.Scope>
    /** Returns the number of registered connections, with those that have not authenticated. */
    readonly size: () => number
    /** Returns `undefined` if the client is not registered or has not authenticated. */
    readonly identityOf: (clientId: number) => ConnectionIdentity | undefined
    /** Returns all registered connections, oldest first. `principal` is `null` before authentication. */
    readonly list: () => ReadonlyArray<ConnectionInfo>
    /** Returns the present clients of all nodes: those of this node first, oldest connection first. */
    readonly presence: () => ReadonlyArray<PresenceEntry>
    /** Closes the connection with this id, such as `c42`. Fails with `ConnectionNotFound` if no connection has it. */
    close(id: string, reason: string | undefined): Effect.Effect<void, ConnectionNotFound>
    /** Closes the authenticated connections whose credential was revoked. `id`: such as `c42`. */
    readonly closeRevoked: (isRevoked: (principal: Principal, id: string) => boolean, reason: string) => void
  }
>()("causeway/services/connections/Connections") {
  static readonly layer: Layer.Layer<Connections, never, EventBus | Events> = Layer.effect(
    Connections,
    Effect.gen(function* () {
      const events = yield* Events
      const bus = yield* EventBus
      const clock = yield* Clock.Clock
      const entries = new Map<number, ConnectionEntry>()
      const changed = yield* Queue.sliding<void>(1)
      const fork = Effect.runForkWith(yield* Effect.context())

      const isLogged = yield* LogLevel.isEnabled("Info")
      const log = (text: string, facts: () => LogFacts): void => {
        if (isLogged) fork(Effect.annotateLogs(Effect.logInfo(text), { source: "connections", ...facts() }))
      }

      /** Publishes the new list, and logs the beginning of the connection. */
      const onPresent = (entry: ConnectionEntry, isFirst: boolean): void => {
        if (isFirst) log("a client connected", () => entry.facts())
        Queue.offerUnsafe(changed, undefined)
      }
      /** The present clients of the other nodes. */
      const elsewhere = new Map<string, ReadonlyArray<PresenceEntry>>()
      let lastClientId = 0

      const presentHere = (): ReadonlyArray<PresenceEntry> =>
        [...entries.values()].flatMap((entry) => entry.presence ?? [])

      const presence = (): ReadonlyArray<PresenceEntry> => [...presentHere(), ...[...elsewhere.values()].flat()]

      const publishPresence = Effect.sync(() => {
        bus.publish({ _tag: "Present", clients: presentHere() })
        events.publishLive({ _tag: "PresenceChanged", presence: presence() })
      })

      yield* bus.subscribe("Present", ({ clients }, from) => {
        // A node that starts has missed the earlier lists of the others.
        if (!elsewhere.has(from)) Queue.offerUnsafe(changed, undefined)
        elsewhere.set(from, clients)
        events.publishLive({ _tag: "PresenceChanged", presence: presence() })
      })
      yield* Effect.forkScoped(
        Effect.forever(
          Queue.take(changed).pipe(
            Effect.andThen(publishPresence),
            Effect.andThen(Effect.suspend(() => Effect.sleep(presencePauseMs(entries.size)))),
          ),
        ),
      )

      // Makes the other nodes send their lists.
      bus.publish({ _tag: "Present", clients: [] })

      const remove = (entry: ConnectionEntry) => {
        entries.delete(entry.clientId)
        if (entry.presence === undefined) return
        Queue.offerUnsafe(changed, undefined)
        const ms = clock.currentTimeMillisUnsafe() - entry.connectedAt
        log("a client left", () => ({ ...entry.facts(), ms, ...entry.connection.ending?.() }))
      }

      return Connections.of({
        register: (connection) =>
          Effect.contextWith((context: Context.Context<Scope.Scope>) => {
            const entry = new ConnectionEntry(++lastClientId, connection, clock.currentTimeMillisUnsafe(), onPresent)
            entries.set(entry.clientId, entry)
            const unregister = Effect.sync(() => remove(entry))
            return Effect.as(Scope.addFinalizer(Context.get(context, Scope.Scope), unregister), entry)
          }),
        size: () => entries.size,
        identityOf: (clientId) => entries.get(clientId)?.identity,
        list: () => Array.from(entries.values(), (entry) => entry.info()),
        presence,
        close: Effect.fn("Connections.close")(function* (id: string, reason: string | undefined) {
          const entry = entries.get(Number(id.slice(1)))
          if (entry?.id !== id) return yield* new ConnectionNotFound({ connectionId: id })
          entry.connection.closeByOperator(reason)
        }),
        closeRevoked: (isRevoked, reason) => {
          for (const { connection, id, identity } of entries.values()) {
            if (identity !== undefined && isRevoked(identity.principal, id)) connection.closeRevoked(reason)
          }
        },
      })
    }),
  )
}

/**
 * Returns the pause after each published list. When many clients reconnect at once, a few lists cover all changes. Every
 * present client may receive the list, so the pause grows with their number.
 */
const presencePauseMs = (present: number): number => Math.max(100, 2 * present)

class ConnectionEntry implements Registration {
  readonly clientId: number
  readonly connection: Connection
  identity: ConnectionIdentity | undefined = undefined
  presence: PresenceEntry | undefined = undefined
  readonly connectedAt: number
  readonly #onPresent: (entry: ConnectionEntry, isFirst: boolean) => void

  constructor(
    clientId: number,
    connection: Connection,
    connectedAt: number,
    onPresent: (entry: ConnectionEntry, isFirst: boolean) => void,
  ) {
    this.clientId = clientId
    this.connection = connection
    this.connectedAt = connectedAt
    this.#onPresent = onPresent
  }

  get id(): string {
    return `c${this.clientId}`
  }

  setPrincipal(principal: Principal): void {
    const { dialect, remoteAddress } = this.connection
    this.identity = { id: this.id, dialect, principal, remoteAddress }
  }

  identify(principal: Principal, client?: string, profile?: ClientProfile): void {
    const isFirst = this.presence === undefined
    this.setPrincipal(principal)
    this.presence = {
      ...profile,
      connectionId: this.id,
      dialect: this.connection.dialect,
      role: principal.role,
      scopes: principal.scopes,
      ...(principal.deviceId !== undefined && { deviceId: principal.deviceId }),
      client: client ?? null,
      connectedAt: this.connectedAt,
    }
    this.#onPresent(this, isFirst)
  }

  /** The facts of a log line about the connection. */
  facts(): LogFacts {
    const { dialect, remoteAddress } = this.connection
    const { client, deviceId } = this.presence!
    return {
      connection: this.id,
      dialect,
      address: remoteAddress,
      principal: this.identity!.principal.kind,
      ...(client !== null && { client }),
      ...(deviceId !== undefined && { device: deviceId }),
    }
  }

  info(): ConnectionInfo {
    const { connection } = this
    return {
      id: this.id,
      dialect: connection.dialect,
      remoteAddress: connection.remoteAddress,
      principal: this.identity?.principal ?? null,
      client: this.presence?.client ?? null,
      connectedAt: this.connectedAt,
      lastInboundAt: connection.lastInboundAt(),
      callsInFlight: connection.callsInFlight(),
      outboxBytes: connection.outboxBytes(),
    }
  }
}
