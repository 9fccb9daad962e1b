/**
 * Connections: the registry of who is connected, on whichever wire. The transport fills it; services read it. Who is
 * present is told as a live event.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import {
  type ClientProfile,
  type ConnectionInfo,
  ConnectionNotFound,
  type PresenceEntry,
} from "../../domain/Connection.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Events } from "../events/Events.ts"

/** What a wire tells of one of its connections. The getters are read when somebody asks. */
export interface Connection {
  readonly dialect: string
  readonly remoteAddress: string
  readonly lastInboundAt: () => number
  readonly callsInFlight: () => number
  readonly outboxBytes: () => number
  /** Asks the wire to close it, as the operator's wish. */
  readonly closeByOperator: (reason: string | undefined) => void
  /** Asks the wire to close it, as what it came in by is worth nothing any more. */
  readonly closeRevoked: (reason: string) => void
}

export interface Registered {
  /** Unique over all wires and the life of the process; also the RpcServer client id on every wire. */
  readonly clientId: number
  /** As clients see it, e.g. `c42`. */
  readonly id: string
  /** From now on the connection acts as this principal and is present. */
  readonly identify: (principal: Principal, client?: string, profile?: ClientProfile) => void
  /** As `identify`, without being present: a request is not there to be seen. */
  readonly actAs: (principal: Principal) => void
}

/** As whom a connection acts. */
export interface Identity {
  readonly id: string
  readonly dialect: string
  readonly principal: Principal
  readonly remoteAddress: string
}

export class Connections extends Context.Service<
  Connections,
  {
    /** Registered until the scope closes. */
    register(connection: Connection): Effect.Effect<Registered, never, Scope.Scope>
    readonly size: () => number
    readonly principalOf: (clientId: number) => Identity | undefined
    readonly list: () => ReadonlyArray<ConnectionInfo>
    readonly presence: () => ReadonlyArray<PresenceEntry>
    close(id: string, reason: string | undefined): Effect.Effect<void, ConnectionNotFound>
    /** Closes those whose principal has lost what it came in by. */
    readonly closeRevoked: (isRevoked: (principal: Principal, id: string) => boolean, reason: string) => void
  }
>()("causeway/services/connections/Connections") {
  static readonly layer: Layer.Layer<Connections, never, Events> = Layer.effect(
    Connections,
    Effect.gen(function* () {
      const events = yield* Events
      const clock = yield* Clock.Clock
      const entries = new Map<number, Entry>()
      const changed = yield* Queue.sliding<void>(1)
      let lastClientId = 0

      const presence = (): ReadonlyArray<PresenceEntry> =>
        [...entries.values()].flatMap((entry) => entry.presence ?? [])

      const tell = Effect.sync(() => events.publishLive({ _tag: "PresenceChanged", presence: presence() }))
      yield* Effect.forkScoped(
        Effect.forever(
          Queue.take(changed).pipe(
            Effect.andThen(tell),
            Effect.andThen(Effect.suspend(() => Effect.sleep(presencePauseMs(entries.size)))),
          ),
        ),
      )

      const remove = (entry: Entry) => {
        entries.delete(entry.clientId)
        if (entry.presence !== undefined) Queue.offerUnsafe(changed, undefined)
      }

      return Connections.of({
        register: (connection) =>
          Effect.contextWith((context: Context.Context<Scope.Scope>) => {
            const entry = new Entry(++lastClientId, connection, clock.currentTimeMillisUnsafe(), changed)
            entries.set(entry.clientId, entry)
            const gone = Effect.sync(() => remove(entry))
            return Effect.as(Scope.addFinalizer(Context.get(context, Scope.Scope), gone), entry)
          }),
        size: () => entries.size,
        principalOf: (clientId) => entries.get(clientId)?.identity,
        list: () => Array.from(entries.values(), (entry) => entry.info()),
        presence,
        close: Effect.fn("Connections.close")(function* (id: string, reason: string | undefined) {
          const entry = entries.get(Number(id.slice(1)))
          if (entry?.id !== id) return yield* new ConnectionNotFound({ connectionId: id })
          entry.connection.closeByOperator(reason)
        }),
        closeRevoked: (isMeant, reason) => {
          for (const { connection, id, identity } of entries.values()) {
            if (identity !== undefined && isMeant(identity.principal, id)) connection.closeRevoked(reason)
          }
        },
      })
    }),
  )
}

/**
 * A change is told in the turn after it; a storm of clients that come back makes a few lists, not one for each. The list
 * goes to all who are in it, so the more there are the less often.
 */
const presencePauseMs = (present: number): number => Math.max(100, 2 * present)

class Entry implements Registered {
  readonly clientId: number
  readonly connection: Connection
  identity: Identity | undefined = undefined
  presence: PresenceEntry | undefined = undefined
  readonly #connectedAt: number
  readonly #changed: Queue.Enqueue<void>

  constructor(clientId: number, connection: Connection, connectedAt: number, changed: Queue.Enqueue<void>) {
    this.clientId = clientId
    this.connection = connection
    this.#connectedAt = connectedAt
    this.#changed = changed
  }

  get id(): string {
    return `c${this.clientId}`
  }

  actAs(principal: Principal): void {
    const { dialect, remoteAddress } = this.connection
    this.identity = { id: this.id, dialect, principal, remoteAddress }
  }

  identify(principal: Principal, client?: string, profile?: ClientProfile): void {
    this.actAs(principal)
    this.presence = {
      ...profile,
      connectionId: this.id,
      dialect: this.connection.dialect,
      role: principal.role,
      scopes: principal.scopes,
      ...(principal.deviceId !== undefined && { deviceId: principal.deviceId }),
      client: client ?? null,
      connectedAt: this.#connectedAt,
    }
    Queue.offerUnsafe(this.#changed, undefined)
  }

  info(): ConnectionInfo {
    const { connection } = this
    return {
      id: this.id,
      dialect: connection.dialect,
      remoteAddress: connection.remoteAddress,
      principal: this.identity?.principal ?? null,
      client: this.presence?.client ?? null,
      connectedAt: this.#connectedAt,
      lastInboundAt: connection.lastInboundAt(),
      callsInFlight: connection.callsInFlight(),
      outboxBytes: connection.outboxBytes(),
    }
  }
}
