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

/** What was told, and a registry that tells it. */
const withConnections = <A, E>(
  test: (
    connections: Connections["Service"],
    told: Array<ReadonlyArray<PresenceEntry>>,
  ) => Effect.Effect<A, E, Scope.Scope>,
) => {
  const told: Array<ReadonlyArray<PresenceEntry>> = []
  const live = (event: GatewayEvent) => {
    if (event._tag === "PresenceChanged") told.push(event.presence)
  }
  const events = Layer.mock(Events)({
    head: () => ({ epoch: "e", seq: 0 }),
    resumeError: () => null,
    partialOutput: () => undefined,
    publishLive: live,
  })
  return Effect.flatMap(Connections, (connections) => test(connections, told)).pipe(
    Effect.scoped,
    Effect.provide(Layer.provide(Connections.layer, events)),
  )
}

describe("the registry of connections", () => {
  it.effect("knows who is there and as whom, for as long as they are", () =>
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

  it.effect("gives no id twice", () =>
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

  it.effect("closes the connection that is meant, and says of one that is not there that it is not", () =>
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

  it.effect("tells of a storm of clients in a few lists, the last of which is how it is", () =>
    withConnections((connections, told) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const join = Effect.map(Scope.provide(connections.register(wire()), scope), (one) => one.identify(principal))
        yield* join
        yield* TestClock.adjust(1)
        expect(told.map((presence) => presence.length)).toEqual([1])
        yield* Effect.repeat(join, { times: 999 })
        yield* TestClock.adjust(1)
        expect(told).toHaveLength(1)
        yield* TestClock.adjust(100)
        expect(told.map((presence) => presence.length)).toEqual([1, 1_001])
        yield* Scope.close(scope, Exit.void)
        // The list went to a thousand: the next takes its time.
        yield* TestClock.adjust(1_900)
        expect(told).toHaveLength(2)
        yield* TestClock.adjust(200)
        expect(told.map((presence) => presence.length)).toEqual([1, 1_001, 0])
        yield* TestClock.adjust(10_000)
        expect(told).toHaveLength(3)
      }),
    ),
  )

  it.effect("tells nothing of those who have not proved who they are", () =>
    withConnections((connections, told) =>
      Effect.gen(function* () {
        yield* Effect.scoped(connections.register(wire()))
        yield* TestClock.adjust(10_000)
        expect(told).toEqual([])
      }),
    ),
  )
})
