/** The fleet of a whole gateway whose upstream is another one of its kind. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { cli, json } from "../../support/CommandLine.ts"
import * as CuttingProxy from "../../support/CuttingProxy.ts"
import { follow } from "../../support/FleetLayers.ts"
import { principal } from "../../support/Conversations.ts"
import { layer as gateway, TestGateway, TOKEN } from "../../support/TestGateway.ts"

describe("A gateway with another one upstream", () => {
  it.live("Its fleet has the agents of both, and follows the runs there over a drop.", () =>
    Effect.gen(function* () {
      const home = yield* Layer.build(gateway())
      const proxy = yield* CuttingProxy.make(Context.get(home, TestGateway).port)
      const upstreams = [{ name: "home", url: `ws://127.0.0.1:${proxy.port}/`, token: TOKEN }]
      const office = yield* Layer.build(gateway({ fleet: { upstreams } }))
      const { untilCard, untilState } = yield* Effect.provide(follow, office)
      const fleet = Context.get(office, Fleet)
      yield* untilState("home", "ready")
      yield* Context.get(home, Agents).create({ id: "luna", name: "Luna" })
      yield* untilCard("home", "luna", { displayName: "Luna" })

      const send = (text: string) =>
        Context.get(home, Runs).accept({ text, agentId: "luna", sessionKey: "agent:luna:main" }, principal)
      yield* send("/fail oh no")
      yield* untilCard("home", "luna", { status: "error" })
      expect(yield* fleet.get("home:luna")).toMatchObject({ errorMessage: expect.stringContaining("asked to fail") })

      proxy.cut()
      yield* untilState("home", "away")
      yield* send("hello")
      yield* untilState("home", "ready")
      yield* untilCard("home", "luna", { status: "idle" })

      yield* Effect.gen(function* () {
        const listed = yield* cli("fleet")
        expect(listed.stdout).toMatch(/^AGENT +NAME +STATUS +TASK +LAST ACTIVITY +AS OF/)
        expect(listed.stdout).toMatch(/^home:luna +Luna +idle .* now$/m)
        expect(listed.stdout).toMatch(/^home +ready +\S+ ago +\S+ +ws:\/\/127\.0\.0\.1:\d+\//m)
        expect(listed.stdout).not.toContain(TOKEN)
        const { cards } = json(yield* cli("fleet", "--json")) as { cards: ReadonlyArray<{ id: string }> }
        expect(cards.map(({ id }) => id)).toEqual(["main", "home:main", "home:luna"])
      }).pipe(Effect.provide(office))
    }).pipe(Effect.scoped),
  )

  it.live("The cards of its own agents follow their runs.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const fleet = yield* Fleet
      const { untilCard } = yield* follow
      yield* runs.accept({ text: "/think /slow 50 hello there", sessionKey: "agent:main:main" }, principal)
      yield* untilCard(null, "main", { status: "thinking" })
      yield* untilCard(null, "main", { status: "active", currentTask: "/think /slow 50 hello there" })
      yield* untilCard(null, "main", { status: "idle", sessionKey: "agent:main:main" })
      expect(yield* fleet.get("main")).toMatchObject({ upstream: null, away: null, role: "default" })
      expect(yield* Effect.flip(fleet.get("nobody"))).toMatchObject({ _tag: "CardNotFound" })
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )
})
