/** The fleet and an upstream gateway that does its worst. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Events } from "../../../src/services/events/Events.ts"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { Upstreams } from "../../../src/services/upstreams/Upstreams.ts"
import { follow, layerConnected } from "../../support/FleetLayers.ts"
import * as ScriptedUpstream from "../../support/ScriptedUpstream.ts"

const TOKEN = "token-of-the-upstream"

const AGENTS = { defaultId: "otto", agents: [{ id: "otto", name: "Otto" }] }

const row = (values: object = {}) => ({ key: "agent:otto:main", agentId: "otto", updatedAt: 1_000, ...values })

const changed = (values: object = {}) => {
  const session = row(values)
  return { sessionKey: session.key, reason: "patch", session }
}

/** Starts a fleet in a scope of its own and waits for its connection. */
const start = Effect.gen(function* () {
  const upstream = yield* ScriptedUpstream.make
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const upstreams = [{ name: "home", url: upstream.url, token: TOKEN }]
  const context = yield* Layer.buildWithScope(layerConnected({ upstreams }), scope)
  const events = yield* Scope.provide(follow, scope).pipe(Effect.provide(context))
  const connection = yield* upstream.accept
  const fleet = Context.get(context, Fleet)
  const [home] = Context.get(context, Upstreams).all
  return {
    ...events,
    client: home!.client,
    connection,
    events: Context.get(context, Events),
    fleet,
    scope,
    upstream,
    otto: Effect.orDie(fleet.get("home:otto")),
    home: Effect.map(fleet.upstreams, ([home]) => home!),
  }
})

/** Answers the requests of a synchronization. */
const answerLists = Effect.fnUntraced(function* (
  connection: ScriptedUpstream.UpstreamConnection,
  sessions: ReadonlyArray<object> = [row()],
) {
  connection.answer(yield* connection.expect("sessions.subscribe"), { subscribed: true })
  connection.answer(yield* connection.expect("agents.list"), AGENTS)
  connection.answer(yield* connection.expect("sessions.list"), { sessions })
})

/** Starts a fleet that is in step with the gateway. */
const ready = Effect.gen(function* () {
  const started = yield* start
  yield* started.connection.welcome()
  yield* answerLists(started.connection)
  yield* started.untilState("home", "ready")
  return started
})

/** Waits for the next attempt to connect, exactly as long as the client pauses. */
const reconnect = Effect.fnUntraced(function* ({ client, untilState, upstream }: Effect.Success<typeof start>) {
  yield* untilState("home", "away")
  const state = client.state.current
  if (state._tag === "Waiting") yield* TestClock.adjust(state.retryInMs)
  return yield* upstream.accept
})

describe("The order of a synchronization", () => {
  it.effect("The lists are merged into cards, which are published at once, and the gateway is ready.", () =>
    Effect.gen(function* () {
      const { fleet, otto, home, seen } = yield* ready
      expect(yield* otto).toMatchObject({
        id: "home:otto",
        agentId: "otto",
        upstream: "home",
        displayName: "Otto",
        role: "default",
        status: "idle",
        sessionKey: "agent:otto:main",
        lastActivity: 1_000,
        away: null,
      })
      expect(yield* home).toMatchObject({ state: "ready", reason: null, version: "scripted", lastReadyAt: null })
      const updates = seen.filter(({ event }) => event._tag === "FleetUpdated")
      expect(updates).toHaveLength(1)
      const { position } = yield* fleet.list
      expect(position.seq).toBeGreaterThanOrEqual(updates[0]!.seq)
    }),
  )

  it.effect("Events that come during the synchronization are merged after the lists.", () =>
    Effect.gen(function* () {
      const { connection, home, otto, untilCard } = yield* start
      yield* connection.welcome()
      connection.event("presence", { presence: [{ host: "a" }, { host: "b" }] })
      connection.answer(yield* connection.expect("sessions.subscribe"), { subscribed: true })
      connection.event("sessions.changed", changed({ updatedAt: 2_000, hasActiveRun: true, label: "Report" }))
      connection.answer(yield* connection.expect("agents.list"), AGENTS)
      connection.event("agent.config", { agentId: "rex", name: "Rex" })
      // The lists are older than the events.
      connection.answer(yield* connection.expect("sessions.list"), { sessions: [row()] })
      yield* untilCard("home", "rex", { displayName: "Rex" })
      expect(yield* otto).toMatchObject({ status: "active", currentTask: "Report", lastActivity: 2_000 })
      expect(yield* home).toMatchObject({ clients: 2 })
    }),
  )

  it.effect("A card is in the store, with the same values, when its event is published.", () =>
    Effect.gen(function* () {
      const { connection, events, fleet, untilCard } = yield* ready
      const pairs: Array<readonly [unknown, unknown]> = []
      yield* events.onEvent(({ event }) => {
        if (event._tag !== "CardChanged") return
        const {
          asOf: _asOf,
          away: _away,
          via: _via,
          ...stored
        } = Effect.runSync(Effect.orDie(fleet.get(event.card.id)))
        pairs.push([stored, event.card])
      })
      connection.event("sessions.changed", changed({ hasActiveRun: true }))
      connection.event("agent", { runId: "r", stream: "thinking", sessionKey: "agent:otto:main", data: {} })
      yield* untilCard("home", "otto", { status: "thinking" })
      expect(pairs).toHaveLength(2)
      for (const [stored, published] of pairs) expect(stored).toEqual(published)
    }),
  )

  it.effect("A run that fails leaves its error on the card, and one that is aborted does not.", () =>
    Effect.gen(function* () {
      const { connection, untilCard } = yield* ready
      const lifecycle = (data: object) =>
        connection.event("agent", { runId: "r", stream: "lifecycle", sessionKey: "agent:otto:main", data })
      lifecycle({ phase: "error", error: "no key" })
      yield* untilCard("home", "otto", { status: "error" })
      // OpenClaw reports an aborted run twice.
      lifecycle({ phase: "end", status: "cancelled", aborted: true })
      lifecycle({ phase: "error", error: "This operation was aborted", aborted: true, stopReason: "aborted" })
      connection.event("sessions.changed", changed({ updatedAt: 2_000 }))
      yield* untilCard("home", "otto", { status: "idle", lastActivity: 2_000 })
    }),
  )

  it.effect("After a reconnection an event is handled once, and a repeated event not at all.", () =>
    Effect.gen(function* () {
      const started = yield* ready
      started.connection.cut()
      const next = yield* reconnect(started)
      yield* next.welcome()
      // The client itself restores the subscription.
      next.answer(yield* next.expect("sessions.subscribe"), { subscribed: true })
      yield* answerLists(next)
      yield* started.untilState("home", "ready")
      const before = started.seen.length
      next.event("sessions.changed", changed({ updatedAt: 2_000 }), { seq: 7 })
      next.event("sessions.changed", changed({ updatedAt: 2_000 }), { seq: 7 })
      next.event("sessions.changed", changed({ updatedAt: 3_000 }), { seq: 8 })
      yield* started.untilCard("home", "otto", { lastActivity: 3_000 })
      expect(started.seen.slice(before).map(({ event }) => event._tag)).toEqual(["CardChanged", "CardChanged"])
    }),
  )

  it.effect("A gateway that reports no changes of agents is asked for them after hints and every minute.", () =>
    Effect.gen(function* () {
      const { connection, fleet, otto, untilCard } = yield* ready
      const agents = (...ids: ReadonlyArray<string>) => ({ defaultId: ids[0], agents: ids.map((id) => ({ id })) })
      connection.event("config.changed", {})
      const first = yield* connection.expect("agents.list")
      // Events go on meanwhile.
      connection.event("sessions.changed", changed({ updatedAt: 2_000, hasActiveRun: true }))
      yield* untilCard("home", "otto", { status: "active" })
      connection.answer(first, agents("rex", "otto"))
      yield* untilCard("home", "otto", { role: "agent" })
      expect(yield* otto).toMatchObject({ status: "active", sessionKey: "agent:otto:main" })
      yield* TestClock.adjust("60 seconds")
      connection.answer(yield* connection.expect("agents.list"), agents("otto"))
      yield* untilCard("home", "otto", { role: "default" })
      expect((yield* fleet.list).cards.map(({ id }) => id)).toEqual(["main", "home:otto"])
    }),
  )

  it.effect("Agents that were listed before a synchronization do not replace its lists.", () =>
    Effect.gen(function* () {
      const started = yield* ready
      started.connection.event("chat.metadata.changed", {})
      yield* started.connection.expect("agents.list")
      started.connection.cut()
      const next = yield* reconnect(started)
      yield* next.welcome({ features: { methods: [], events: ["agent.config"] } })
      next.answer(yield* next.expect("sessions.subscribe"), { subscribed: true })
      yield* answerLists(next)
      yield* started.untilState("home", "ready")
      // This gateway reports changes of agents itself.
      next.event("config.changed", {})
      next.event("agent.config", { agentId: "rex", name: "Rex" })
      yield* started.untilCard("home", "rex", { displayName: "Rex" })
      const { cards } = yield* started.fleet.list
      expect(cards.map(({ id }) => id)).toEqual(["main", "home:otto", "home:rex"])
    }),
  )

  it.effect("The end of the fleet ends the connection at once, also during a synchronization.", () =>
    Effect.gen(function* () {
      const { connection, scope } = yield* start
      yield* connection.welcome()
      yield* connection.expect("sessions.subscribe")
      yield* Scope.close(scope, Exit.void)
      expect(yield* connection.closed).toMatchObject({ code: 1000, reason: "shutdown" })
    }),
  )
})

describe("A gateway in trouble", () => {
  it.effect("Lists that do not come in time are requested again, and late answers do no harm.", () =>
    Effect.gen(function* () {
      const { connection, home, otto, until, untilState, seen } = yield* start
      yield* connection.welcome()
      connection.answer(yield* connection.expect("sessions.subscribe"), { subscribed: true })
      const late = yield* connection.expect("agents.list")
      const hasReason = () =>
        seen.some(({ event }) => event._tag === "UpstreamChanged" && event.upstream.reason !== null)
      yield* TestClock.adjust("30 seconds")
      yield* until(hasReason)
      expect(yield* home).toMatchObject({ state: "syncing", reason: expect.stringContaining("no answer came in time") })
      yield* TestClock.adjust("1 second")
      connection.answer(late, { agents: [{ id: "ghost" }] })
      yield* answerLists(connection)
      yield* untilState("home", "ready")
      expect(yield* otto).toMatchObject({ displayName: "Otto" })
    }),
  )

  it.effect("A connection that ends in the middle of the lists begins again with the next one.", () =>
    Effect.gen(function* () {
      const started = yield* start
      const { connection } = started
      yield* connection.welcome()
      connection.answer(yield* connection.expect("sessions.subscribe"), { subscribed: true })
      yield* connection.expect("agents.list")
      connection.cut()
      const next = yield* reconnect(started)
      yield* next.welcome()
      next.answer(yield* next.expect("sessions.subscribe"), { subscribed: true })
      yield* answerLists(next)
      yield* started.untilState("home", "ready")
      expect(yield* started.otto).toMatchObject({ status: "idle" })
    }),
  )

  it.effect("During a restart, cards say why the gateway is away and how old they are.", () =>
    Effect.gen(function* () {
      const started = yield* ready
      const { connection, home, otto, untilState } = started
      yield* TestClock.adjust("5 seconds")
      connection.event("shutdown", { reason: "update", restartExpectedMs: 0 })
      connection.close(1012, "service restart")
      yield* untilState("home", "away")
      yield* TestClock.setTime(5_500)
      expect(yield* otto).toMatchObject({ asOf: 5_000, away: expect.stringContaining("service restart") })
      expect(yield* home).toMatchObject({ state: "away", since: 5_000, lastReadyAt: 5_000 })
      const next = yield* reconnect(started)
      yield* next.welcome()
      next.answer(yield* next.expect("sessions.subscribe"), { subscribed: true })
      yield* answerLists(next, [])
      yield* untilState("home", "ready")
      expect(yield* otto).toMatchObject({ away: null, sessionKey: null })
      expect(yield* home).toMatchObject({ lastReadyAt: null })
    }),
  )

  it.effect("A wrong token is named with the next step and without the token.", () =>
    Effect.gen(function* () {
      const { connection, home, untilState } = yield* start
      const connect = yield* connection.challenge()
      expect(connect.params).toMatchObject({ auth: { token: TOKEN }, scopes: ["operator.read", "operator.write"] })
      const details = { code: "AUTH_TOKEN_MISMATCH" }
      connection.refuse(connect, { code: "INVALID_REQUEST", message: "unauthorized", details })
      yield* untilState("home", "refused")
      expect(yield* home).toMatchObject({ reason: "unauthorized: set the gateway's token" })
      expect(JSON.stringify(yield* home)).not.toContain(TOKEN)
    }),
  )

  it.effect("A gateway of another version is away with the reason.", () =>
    Effect.gen(function* () {
      const { connection, home, untilState } = yield* start
      yield* connection.welcome({ protocol: 9 })
      yield* untilState("home", "away")
      expect(yield* home).toMatchObject({ reason: expect.stringContaining("protocol 3 or 4") })
    }),
  )

  it.effect("A gateway that waits for the approval of the device says how to approve it.", () =>
    Effect.gen(function* () {
      const { connection, home, untilState } = yield* start
      const details = { code: "PAIRING_REQUIRED", requestId: "r1" }
      connection.refuse(yield* connection.challenge(), { code: "NOT_PAIRED", message: "pairing required", details })
      yield* untilState("home", "pairing")
      expect(yield* home).toMatchObject({ reason: expect.stringContaining("approve the device there") })
    }),
  )

  it.effect("Unusable agents and sessions are left out, long texts are cut, and clocks need not agree.", () =>
    Effect.gen(function* () {
      const { connection, fleet, untilCard, untilState } = yield* start
      yield* connection.welcome()
      connection.answer(yield* connection.expect("sessions.subscribe"), { subscribed: true })
      connection.answer(yield* connection.expect("agents.list"), {
        defaultId: "otto",
        agents: [{ id: "otto", name: "O".repeat(5_000) }, { id: "x".repeat(200) }, { id: "" }],
      })
      const task = "🦞".repeat(500)
      connection.answer(yield* connection.expect("sessions.list"), {
        sessions: [
          row({ label: task, status: "running", updatedAt: 9e15 }),
          { key: "k".repeat(9_000), agentId: "otto" },
        ],
      })
      yield* untilState("home", "ready")
      connection.event("sessions.changed", { sessionKey: 5 })
      connection.event("agent", { runId: "r", stream: "lifecycle", sessionKey: "agent:otto:main", data: { phase: 1 } })
      connection.event("presence", "many")
      connection.event("sessions.changed", changed({ updatedAt: -1, label: "Small" }))
      yield* untilCard("home", "otto", { lastActivity: -1 })
      const { cards } = yield* fleet.list
      expect(cards.map(({ id }) => id)).toEqual(["main", "home:otto"])
      expect(cards[1]!.displayName).toHaveLength(200)
    }),
  )
})
