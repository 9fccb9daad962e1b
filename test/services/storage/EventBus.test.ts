import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import type { Principal } from "../../../src/domain/Principal.ts"
import { Pairings } from "../../../src/services/auth/Pairings.ts"
import { type Connection, Connections } from "../../../src/services/connections/Connections.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { failureOf, phone, publishedDuring, remote, secret, signIn } from "../../support/Authentication.ts"
import { delta, started } from "../../support/EventLogs.ts"
import { memoryBus, startNode } from "../../support/Nodes.ts"

const twoNodes = Effect.gen(function* () {
  const bus = memoryBus()
  return { bus, onOne: yield* startNode(bus.layerOf("one")), onTwo: yield* startNode(bus.layerOf("two")) }
})

const client: Principal = { id: "p", kind: "token", role: "operator", scopes: ["operator.read"] }

const wire: Connection = {
  dialect: "test",
  remoteAddress: "10.0.0.1",
  lastInboundAt: () => 0,
  callsInFlight: () => 0,
  outboxBytes: () => 0,
  closeByOperator: () => {},
  closeRevoked: () => {},
}

/** Registers a present client until the scope closes. */
const connect = (name: string) =>
  Effect.gen(function* () {
    const registered = yield* (yield* Connections).register(wire)
    registered.identify(client, name)
    yield* TestClock.adjust("1 second")
  })

const present = Effect.map(Connections, (connections) => connections.presence().map((entry) => entry.client))

const pairPhone = signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)

const waiting = Effect.flatMap(Pairings, ({ requests }) => requests)

const admin = ["operator.admin"] as const

describe("EventBus", () => {
  it.effect("Live events of one node reach the subscribers of another one, in order.", () =>
    Effect.gen(function* () {
      const { onOne, onTwo } = yield* twoNodes
      const start = Effect.flatMap(Events, (events) =>
        events.commit(Effect.succeed([undefined, [started("r"), started("s")]])),
      )
      const say = (runId: string) => Effect.map(Events, (events) => events.publishLive(delta(runId, "hello")))
      yield* onOne(start)
      yield* onTwo(start)
      const seen = yield* onTwo(publishedDuring(onOne(Effect.andThen(say("r"), say("s")))))
      expect(seen).toEqual([delta("r", "hello"), delta("s", "hello")])
    }),
  )

  it.effect("A log entry of one node stays on it.", () =>
    Effect.gen(function* () {
      const { onOne, onTwo } = yield* twoNodes
      const entry = { at: 0, level: "Info", message: "hello", seq: 1 } as never
      const log = Effect.map(Events, (events) => events.publishLive({ _tag: "LogAdded", entry }))
      expect(yield* onTwo(publishedDuring(onOne(log)))).toEqual([])
    }),
  )

  it.effect("Every node lists the present clients of all nodes, until they leave.", () =>
    Effect.gen(function* () {
      const { bus, onOne, onTwo } = yield* twoNodes
      const scope = yield* Scope.make()
      yield* Scope.provide(onOne(connect("first")), scope)
      yield* onTwo(connect("second"))
      expect(yield* onOne(present)).toEqual(["first", "second"])
      expect(yield* onTwo(present)).toEqual(["second", "first"])
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      expect(yield* onTwo(present)).toEqual(["second"])
      bus.publish({ _tag: "Present", clients: [] }, "two")
      expect(yield* onOne(present)).toEqual([])
    }),
  )

  it.effect("A node that starts learns of the present clients of the others.", () =>
    Effect.gen(function* () {
      const bus = memoryBus()
      const onOne = yield* startNode(bus.layerOf("one"))
      yield* onOne(connect("first"))
      const onLate = yield* startNode(bus.layerOf("late"))
      yield* TestClock.adjust("1 second")
      expect(yield* onLate(present)).toEqual(["first"])
    }),
  )

  it.effect("An operator on one node approves a device that waits on another one.", () =>
    Effect.gen(function* () {
      const { onOne, onTwo } = yield* twoNodes
      yield* onOne(Effect.flip(pairPhone))
      const [request] = yield* onTwo(waiting)
      expect(request).toMatchObject({ deviceId: phone.deviceId })
      yield* onTwo(Effect.flatMap(Pairings, (pairings) => pairings.approve(request!.requestId, admin)))
      expect(yield* onOne(waiting)).toEqual([])
    }),
  )

  it.effect("A rejection ends the request on all nodes.", () =>
    Effect.gen(function* () {
      const { onOne, onTwo } = yield* twoNodes
      yield* onOne(Effect.flip(pairPhone))
      const [request] = yield* onTwo(waiting)
      yield* onTwo(Effect.flatMap(Pairings, (pairings) => pairings.reject(request!.requestId, admin)))
      expect([yield* onOne(waiting), yield* onTwo(waiting)]).toEqual([[], []])
    }),
  )

  it.effect("Wrong passwords on several nodes add up to one lockout, and a right one on any node forgives them.", () =>
    Effect.gen(function* () {
      const { onOne, onTwo } = yield* twoNodes
      const wrong = failureOf(signIn({ password: secret("guess") }, remote))
      const right = signIn({ password: secret("the-password") }, remote)
      for (let round = 0; round < 4; round++) yield* onOne(wrong)
      yield* onTwo(right)
      for (let round = 0; round < 5; round++) {
        yield* onOne(wrong)
        yield* onTwo(wrong)
      }
      expect(yield* onTwo(wrong)).toMatchObject({ reason: "locked-out" })
      expect(yield* onOne(Effect.flip(right))).toMatchObject({ reason: "locked-out" })
    }),
  )
})
