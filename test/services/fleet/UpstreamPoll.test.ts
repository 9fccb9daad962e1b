/** The fleet and a gateway whose WebSocket does not answer, but whose REST address does. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { follow, layerOf } from "../../support/FleetLayers.ts"
import { MemoryUpstream } from "../../support/MemoryUpstream.ts"
import * as ScriptedRest from "../../support/ScriptedRest.ts"

const card = (values: object = {}) => ({
  id: "otto",
  displayName: "Otto",
  role: "Orchestrator",
  status: "idle",
  sessionKey: "agent:otto:main",
  channel: "web",
  lastActivity: "2026-11-20T15:40:08.096Z",
  ...values,
})

const start = Effect.fnUntraced(function* (options: { readonly demo?: boolean } = {}) {
  const rest = yield* ScriptedRest.make
  const upstream = new MemoryUpstream()
  upstream.agents.set("rex", { id: "rex", name: "Rex" })
  const context = yield* Layer.build(
    layerOf({ home: upstream.client }, options, { pollUrl: rest.url, token: "token-of-the-upstream" }),
  )
  const followed = yield* Effect.provide(follow, context)
  const fleet = Context.get(context, Fleet)
  return {
    ...followed,
    rest,
    upstream,
    fleet,
    ids: Effect.map(fleet.list, ({ cards }) => cards.map(({ id }) => id).filter((id) => id !== "main")),
    otto: Effect.orDie(fleet.get("home:otto")),
    home: Effect.map(fleet.upstreams, ([home]) => home!),
  }
})

/** Starts a fleet that polls, and answers the first request. */
const polling = Effect.fnUntraced(function* (options: { readonly demo?: boolean } = {}) {
  const started = yield* start(options)
  yield* TestClock.adjust("30 seconds")
  const request = yield* started.rest.next
  request.answer([card()])
  yield* started.untilState("home", "polling")
  yield* started.untilCard("home", "otto", { displayName: "Otto" })
  return { ...started, request }
})

describe("The poller of an upstream gateway", () => {
  it.effect("It stands by for 30 seconds, and reads at once then.", () =>
    Effect.gen(function* () {
      const { fleet, otto, home, request, rest } = yield* polling()
      expect(request.url).toBe("/api/agents")
      expect(request.headers).toMatchObject({
        authorization: "Bearer token-of-the-upstream",
        accept: "application/json",
      })
      expect(yield* otto).toMatchObject({
        displayName: "Otto",
        role: "Orchestrator",
        status: "idle",
        channel: "web",
        lastActivity: Date.parse("2026-11-20T15:40:08.096Z"),
        asOf: 30_000,
        away: null,
        via: "http",
      })
      expect(yield* home).toMatchObject({ state: "polling", since: 30_000, via: "http" })
      expect(rest.waiting()).toBe(0)
      expect((yield* fleet.list).upstreams).toEqual([yield* home])
    }),
  )

  it.effect("A gateway whose WebSocket answers within 30 seconds is not polled.", () =>
    Effect.gen(function* () {
      const { ids, rest, untilState, upstream } = yield* start()
      yield* TestClock.adjust("29 seconds")
      upstream.connect()
      yield* untilState("home", "ready")
      yield* TestClock.adjust("10 minutes")
      expect(rest.waiting()).toBe(0)
      expect(yield* ids).toEqual(["home:rex"])
    }),
  )

  it.effect("It reads every 5 seconds, publishes the differences only, and each card says how old it is.", () =>
    Effect.gen(function* () {
      const { otto, home, rest, seen, untilCard } = yield* polling()
      const before = seen.length
      yield* TestClock.adjust("5 seconds")
      ;(yield* rest.next).answer([card()])
      yield* TestClock.adjust("5 seconds")
      ;(yield* rest.next).answer([
        card({ status: "active", currentTask: "Report", taskElapsed: "00m 10s", taskProgress: 40 }),
      ])
      yield* untilCard("home", "otto", { status: "active" })
      expect(yield* otto).toMatchObject({
        currentTask: "Report",
        taskProgress: 40,
        taskStartedAt: 30_000,
        asOf: 40_000,
      })
      expect(yield* home).toMatchObject({ state: "polling", lastReadyAt: 40_000 })
      // The duration is rounded and takes time to arrive, but the run is the same.
      yield* TestClock.adjust("5 seconds")
      ;(yield* rest.next).answer([card({ status: "thinking", currentTask: "Report", taskElapsed: "00m 14s" })])
      yield* untilCard("home", "otto", { status: "thinking" })
      expect(yield* otto).toMatchObject({ taskStartedAt: 30_000 })
      expect(seen.slice(before).map(({ event }) => event._tag)).toEqual(["CardChanged", "TaskStarted", "CardChanged"])
    }),
  )

  it.effect("It stands down when the WebSocket is ready, whose lists replace the cards.", () =>
    Effect.gen(function* () {
      const { home, ids, rest, untilState, upstream } = yield* polling()
      upstream.connect()
      yield* untilState("home", "ready")
      expect(yield* ids).toEqual(["home:rex"])
      expect(yield* home).toMatchObject({ state: "ready", via: "websocket", lastReadyAt: null })
      yield* TestClock.adjust("10 minutes")
      expect(rest.waiting()).toBe(0)
    }),
  )

  it.effect("An answer that comes after the WebSocket is ready changes nothing.", () =>
    Effect.gen(function* () {
      const { ids, rest, untilCard, untilState, upstream } = yield* polling()
      yield* TestClock.adjust("5 seconds")
      const late = yield* rest.next
      upstream.connect()
      yield* untilState("home", "ready")
      late.answer([card({ id: "ghost" })])
      upstream.putAgent("dex", "Dex")
      yield* untilCard("home", "dex", { displayName: "Dex" })
      expect(yield* ids).toEqual(["home:rex", "home:dex"])
    }),
  )

  it.effect("After a drop it stands by again for 30 seconds.", () =>
    Effect.gen(function* () {
      const { rest, untilState, upstream } = yield* polling()
      upstream.connect()
      yield* untilState("home", "ready")
      upstream.drop()
      yield* untilState("home", "away")
      yield* TestClock.adjust("29 seconds")
      expect(rest.waiting()).toBe(0)
      yield* TestClock.adjust("1 second")
      ;(yield* rest.next).answer([card()])
      yield* untilState("home", "polling")
    }),
  )

  it.effect("A connection that resumes after polls fetches the lists, because polled cards know less.", () =>
    Effect.gen(function* () {
      const { ids, rest, untilState, upstream } = yield* start()
      upstream.connect()
      yield* untilState("home", "ready")
      upstream.drop()
      yield* untilState("home", "away")
      yield* TestClock.adjust("30 seconds")
      ;(yield* rest.next).answer([card()])
      yield* untilState("home", "polling")
      expect(yield* ids).toEqual(["home:otto"])
      upstream.connect(true)
      yield* untilState("home", "ready")
      expect(yield* ids).toEqual(["home:rex"])
    }),
  )

  it.effect("A failed read is part of the reason, keeps the cards and their age, and is tried again.", () =>
    Effect.gen(function* () {
      const { home, otto, rest, untilState } = yield* polling()
      const failures: ReadonlyArray<readonly [reason: string, fail: (request: ScriptedRest.RestRequest) => void]> = [
        ["it answers with status 503", (request) => request.answer("down", 503)],
        ["it answers with status 302", (request) => request.answer("", 302, { location: "/x" })],
        ["its answer is not JSON", (request) => request.answer("<html>")],
        ["its answer is no list of agents", (request) => request.answer({ ok: true })],
        ["its answer has more than", (request) => request.answer("x".repeat(5_000_000))],
        ["ECONNRESET", (request) => request.cut()],
      ]
      for (const [index, [reason, fail]] of failures.entries()) {
        yield* TestClock.adjust("5 seconds")
        fail(yield* rest.next)
        yield* untilState("home", "connecting")
        expect(yield* home).toMatchObject({ lastReadyAt: 30_000 + 10_000 * index })
        expect((yield* home).reason).toContain(reason)
        expect((yield* home).reason).not.toContain("token-of-the-upstream")
        expect(yield* otto).toMatchObject({ status: "idle", away: expect.stringContaining(reason), via: "http" })
        yield* TestClock.adjust("5 seconds")
        ;(yield* rest.next).answer([card()])
        yield* untilState("home", "polling")
      }
    }),
  )

  it.effect("An address that hangs is left after 10 seconds.", () =>
    Effect.gen(function* () {
      const { home, rest, seen, until, untilState } = yield* start()
      yield* TestClock.adjust("30 seconds")
      yield* rest.next
      yield* TestClock.adjust("10 seconds")
      yield* until(() => seen.some(({ event }) => event._tag === "UpstreamChanged" && event.upstream.reason !== null))
      expect(yield* home).toMatchObject({ reason: expect.stringContaining("no answer within 10 seconds") })
      yield* TestClock.adjust("5 seconds")
      ;(yield* rest.next).answer({ agents: [card()] })
      yield* untilState("home", "polling")
    }),
  )

  it.effect("The made-up agents stay only while neither the WebSocket nor the address answers.", () =>
    Effect.gen(function* () {
      const { ids, rest, untilCard, untilState } = yield* polling({ demo: true })
      yield* TestClock.adjust("15 seconds")
      expect(yield* ids).toEqual(["home:otto"])
      const request = yield* rest.next
      request.cut()
      yield* untilState("home", "connecting")
      yield* TestClock.adjust("5 seconds")
      ;(yield* rest.next).cut()
      yield* TestClock.adjust("40 seconds")
      yield* untilCard("demo", "otto", { displayName: "Otto" })
      expect(yield* ids).toContain("demo:flip")
    }),
  )
})
