/** FleetRoutes: the routes of programs that show a fleet, for agents of this gateway and of another one. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { follow } from "../../support/FleetLayers.ts"
import { layer as gateway, TestGateway, TOKEN } from "../../support/TestGateway.ts"
import { elapsed } from "../../../src/transport/fleet/FleetViews.ts"

const ask = (path: string, init: RequestInit = {}) =>
  Effect.flatMap(TestGateway, ({ token, url }) =>
    Effect.promise(async () => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
      const response = await fetch(url + path, { headers, ...init })
      return { status: response.status, body: (await response.json()) as any }
    }),
  )

const command = (name: string, id: string, body?: object) =>
  ask(`/api/command/${name}/${id}`, { method: "POST", ...(body && { body: JSON.stringify(body) }) })

describe("FleetRoutes", () => {
  it.live("Cards, logs and commands work for agents here and at an upstream gateway.", () =>
    Effect.gen(function* () {
      const home = yield* Layer.build(gateway())
      const url = `ws://127.0.0.1:${Context.get(home, TestGateway).port}/`
      const office = yield* Layer.build(gateway({ fleet: { upstreams: [{ name: "home", url, token: TOKEN }] } }))
      const { seen, until, untilCard, untilState } = yield* Effect.provide(follow, office)
      yield* untilState("home", "ready")
      yield* Effect.gen(function* () {
        const { body: cards } = yield* ask("/api/agents")
        expect(cards.map(({ id }: { id: string }) => id)).toEqual(["main", "home:main"])
        expect(cards[1]).toMatchObject({ displayName: "Main", upstream: "home", status: "idle", lastActivity: null })

        for (const [id, upstream] of [
          ["main", null],
          ["home:main", "home"],
        ] as const) {
          const steered = yield* command("steer", id, { message: "/slow 60000 a b c" })
          expect(steered).toMatchObject({ status: 200, body: { ok: true, sessionKeys: ["agent:main:main"] } })
          // The first card comes when the message waits, the second one when its run has started.
          yield* until(() =>
            seen.some(
              ({ event }) => event._tag === "CardChanged" && event.card.id === id && event.card.taskStartedAt! > 0,
            ),
          )
          const { body: card } = yield* ask(`/api/agents/${id}`)
          expect(card).toMatchObject({
            id,
            status: "active",
            taskElapsed: expect.stringMatching(/^\d\dm \d\ds$/),
            away: null,
          })
          expect(Date.parse(card.lastActivity)).toBeGreaterThan(0)
          const restarted = yield* command("restart", id)
          expect(restarted.body).toMatchObject({ ok: true, runId: expect.any(String) })
          expect(restarted.body.runId).not.toBe(steered.body.runId)
          const stopped = yield* command("stop", id)
          expect(stopped.body).toEqual({ ok: true, sessionKeys: ["agent:main:main"] })
          yield* untilCard(upstream, "main", { status: "idle" })
          expect((yield* command("stop", id)).body).toEqual({ ok: true, sessionKeys: [] })
          const { body: log } = yield* ask(`/api/logs/${id}?limit=1000`)
          expect(log.logs.filter(({ role }: { role: string }) => role === "user")).toHaveLength(2)
          expect(log.logs[0]).toMatchObject({ message: "/slow 60000 a b c", timestamp: expect.any(String) })
        }
        expect(Context.get(home, Runs).counts().running).toBe(0)
      }).pipe(Effect.provide(office))
    }).pipe(Effect.scoped),
  )

  it.live("Unknown agents and commands, missing messages and gateways that are away are refused with the reason.", () =>
    Effect.gen(function* () {
      // Nothing listens there.
      const upstreams = [{ name: "gone", url: "ws://127.0.0.1:9/" }]
      const office = yield* Layer.build(gateway({ fleet: { upstreams } }))
      yield* Effect.gen(function* () {
        expect(yield* ask("/api/agents/nobody")).toMatchObject({ status: 404 })
        expect(yield* ask("/api/logs/nobody")).toMatchObject({ status: 404 })
        expect(yield* ask("/api/logs/main")).toMatchObject({ status: 200, body: { sessionKey: null, logs: [] } })
        expect(yield* command("destroy", "main")).toMatchObject({ status: 404 })
        expect(yield* command("steer", "main")).toMatchObject({ status: 502 })
        expect(yield* command("steer", "main", { message: 5 })).toMatchObject({ status: 400 })
        expect((yield* command("restart", "main")).body).toMatchObject({
          error: { _tag: "FleetCommandFailed", message: expect.stringContaining("no message to send again") },
        })
        const { url } = yield* TestGateway
        const anonymous = yield* Effect.promise(() => fetch(`${url}/api/agents`))
        expect(anonymous.status).toBe(401)
      }).pipe(Effect.provide(office))
    }).pipe(Effect.scoped),
  )

  it("The time of a task has minutes and seconds, and hours if needed.", () => {
    expect([252_000, 3_852_999, -5].map(elapsed)).toEqual(["04m 12s", "01h 04m 12s", "00m 00s"])
  })
})
