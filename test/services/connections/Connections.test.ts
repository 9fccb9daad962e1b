import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import type { PresenceEntry } from "../../../src/domain/Connection.ts"
import type { GatewayEvent } from "../../../src/domain/Event.ts"
import type { Principal } from "../../../src/domain/Principal.ts"
import { type Connection, Connections } from "../../../src/services/connections/Connections.ts"
import { EventBus } from "../../../src/services/storage/EventBus.ts"
import { Events } from "../../../src/services/events/Events.ts"

const principal: Principal = { id: "p", kind: "token", role: "operator", scopes: ["operator.read"] }

const wire = (closed: Array<string | undefined> = []): Connection => ({
  dialect: "test",
  remoteAddress: "10.0.0.1",
  lastInboundAt: () => 5,
  callsInFlight: () => 2,
  outboxBytes: () => 7,
  closeByOperator: (reason) => closed.push(reason),
  closeRevoked: (reason) => closed.push(reason),
})

/** Runs the test with a registry and the presence lists that it has published. */
const withConnections = <A, E>(
  test: (
    connections: Connections["Service"],
    published: Array<ReadonlyArray<PresenceEntry>>,
  ) => Effect.Effect<A, E, Scope.Scope>,
) => {
  const published: Array<ReadonlyArray<PresenceEntry>> = []
  const live = (event: GatewayEvent) => {
    if (event._tag === "PresenceChanged") published.push(event.presence)
  }
  const events = Layer.mock(Events)({
    head: () => ({ epoch: "e", seq: 0 }),
    resumeError: () => null,
    partialOutput: () => undefined,
    publishLive: live,
    join: () => () => {},
    reader: () => {
      throw new Error("this test has no event log")
    },
  })
  return Effect.flatMap(Connections, (connections) => test(connections, published)).pipe(
    Effect.scoped,
    Effect.provide(Layer.provide(Connections.layer, [events, EventBus.layerLocal])),
  )
}

describe("Connections", () => {
  it.effect("A connection is listed with its principal and its presence until its scope closes.", () =>
    withConnections((connections) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const registered = yield* Scope.provide(connections.register(wire()), scope)
        expect(connections.identityOf(registered.clientId)).toBeUndefined()
        expect(connections.presence()).toEqual([])
        yield* TestClock.adjust(1_000)
        registered.identify({ ...principal, deviceId: "d" }, "a test", { platform: "linux", mode: "cli" })
        expect(connections.presence()).toEqual([
          {
            connectionId: registered.id,
            dialect: "test",
            role: principal.role,
            scopes: principal.scopes,
            deviceId: "d",
            client: "a test",
            platform: "linux",
            mode: "cli",
            connectedAt: 0,
          },
        ])
        registered.identify(principal, "a test")
        expect(connections.identityOf(registered.clientId)).toMatchObject({
          id: registered.id,
          dialect: "test",
          principal,
          remoteAddress: "10.0.0.1",
        })
        expect(connections.list()).toEqual([
          {
            id: registered.id,
            dialect: "test",
            remoteAddress: "10.0.0.1",
            principal,
            client: "a test",
            connectedAt: 0,
            lastInboundAt: 5,
            callsInFlight: 2,
            outboxBytes: 7,
          },
        ])
        yield* Scope.close(scope, Exit.void)
        expect([connections.size(), connections.list(), connections.presence()]).toEqual([0, [], []])
        expect(connections.identityOf(registered.clientId)).toBeUndefined()
      }),
    ),
  )

  it.effect("No id is assigned twice.", () =>
    withConnections((connections) =>
      Effect.gen(function* () {
        const ids: Array<string> = []
        for (let i = 0; i < 100; i++) {
          const registered = yield* Effect.scoped(connections.register(wire()))
          ids.push(registered.id, `${registered.clientId}`)
        }
        expect(new Set(ids).size).toBe(200)
      }),
    ),
  )

  it.effect("`close` closes the connection with the id, and fails with ConnectionNotFound for any other id.", () =>
    withConnections((connections) =>
      Effect.gen(function* () {
        const closed: Array<string | undefined> = []
        const { id } = yield* connections.register(wire(closed))
        yield* connections.register(wire())
        yield* connections.close(id, "enough")
        expect(closed).toEqual(["enough"])
        for (const unknown of ["c999", "c", "", `x${id.slice(1)}`, `${id}.0`, ` ${id}`]) {
          expect(yield* Effect.flip(connections.close(unknown, undefined))).toMatchObject({ connectionId: unknown })
        }
        expect(closed).toEqual(["enough"])
      }),
    ),
  )

  it.effect("Many clients at once cause a few lists of presence, and the last one is current.", () =>
    withConnections((connections, published) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const join = Effect.map(Scope.provide(connections.register(wire()), scope), (one) => one.identify(principal))
        yield* join
        yield* TestClock.adjust(1)
        expect(published.map((presence) => presence.length)).toEqual([1])
        yield* Effect.repeat(join, { times: 999 })
        yield* TestClock.adjust(1)
        expect(published).toHaveLength(1)
        yield* TestClock.adjust(100)
        expect(published.map((presence) => presence.length)).toEqual([1, 1_001])
        yield* Scope.close(scope, Exit.void)
        // The list went to 1,000 clients, so the next one follows later.
        yield* TestClock.adjust(1_900)
        expect(published).toHaveLength(2)
        yield* TestClock.adjust(200)
        expect(published.map((presence) => presence.length)).toEqual([1, 1_001, 0])
        yield* TestClock.adjust(10_000)
        expect(published).toHaveLength(3)
      }),
    ),
  )

  it.effect("A connection that has not authenticated causes no list of presence.", () =>
    withConnections((connections, published) =>
      Effect.gen(function* () {
        yield* Effect.scoped(connections.register(wire()))
        yield* TestClock.adjust(10_000)
        expect(published).toEqual([])
      }),
    ),
  )
})
