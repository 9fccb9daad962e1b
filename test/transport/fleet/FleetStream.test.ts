/** FleetStream: `GET /api/events`, the fleet in the flat form that dashboards for OpenClaw gateways expect. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { localPrincipal } from "../../../src/domain/Principal.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import * as CuttingProxy from "../../support/CuttingProxy.ts"
import * as EventStream from "../../support/EventStream.ts"
import { layer as gateway, TestGateway, TOKEN } from "../../support/TestGateway.ts"

const PATH = "/api/events"

const ORIGIN = "https://dash.example.org"

const isUpdateOf =
  (...ids: ReadonlyArray<string>) =>
  ({ data, event }: EventStream.StreamedEvent) =>
    event === "fleet.update" &&
    JSON.stringify(data.map(({ id }: { readonly id: string }) => id)) === JSON.stringify(ids)

describe("FleetStream", () => {
  it.live("A stream begins with `connected` and all cards, and goes on with flat events whose ids ascend.", () =>
    Effect.gen(function* () {
      const stream = yield* EventStream.open(PATH, { headers: { origin: ORIGIN } })
      expect(stream.headers).toMatchObject({
        "content-type": "text/event-stream",
        "access-control-allow-origin": ORIGIN,
      })
      const [first, second] = yield* stream.find(isUpdateOf("main"))
      expect([first!.event, second!.event]).toEqual(["connected", "fleet.update"])
      expect(second!.data).toMatchObject([{ id: "main", displayName: "Main", status: "idle", lastActivity: null }])

      yield* (yield* Runs).accept({ text: "/think hello there", sessionKey: "agent:main:main" }, localPrincipal)
      const isIdleAgain = ({ data, event }: EventStream.StreamedEvent) =>
        event === "agent.status" && data.status === "idle"
      const events = yield* stream.find(isIdleAgain)
      const named = (name: string) => events.filter(({ event }) => event === name).map(({ data }) => data)
      expect(named("agent.status").map(({ status }) => status)).toEqual(
        expect.arrayContaining(["active", "thinking", "idle"]),
      )
      expect(named("agent.status").at(-1)).toMatchObject({
        id: "main",
        sessionKey: "agent:main:main",
        lastActivity: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      })
      expect(named("agent.task")).toMatchObject([{ agentId: "main", taskDescription: "/think hello there" }])
      const seqs = events.map(({ id }) => Number(id!.split(":")[1]))
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
      expect(new Set(events.map(({ event }) => event))).toEqual(
        new Set(["connected", "fleet.update", "agent.status", "agent.task"]),
      )
    }).pipe(Effect.scoped, Effect.provide(gateway({ allowedOrigins: [ORIGIN] }))),
  )

  it.live("An agent that goes is missing in the next update, and a client that comes back gets all cards.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      yield* agents.create({ id: "luna", name: "Luna" })
      const id = yield* Effect.gen(function* () {
        const stream = yield* EventStream.open(PATH)
        yield* stream.find(isUpdateOf("main", "luna"))
        yield* agents.remove("luna")
        return (yield* stream.find(isUpdateOf("main"))).at(-1)!.id!
      }).pipe(Effect.scoped)
      yield* agents.create({ id: "rex", name: "Rex" })
      const again = yield* EventStream.open(PATH, { headers: { "last-event-id": id } })
      const [first] = yield* again.find(isUpdateOf("main", "rex"))
      expect(first).toMatchObject({ event: "connected" })
      const wrong = yield* EventStream.open(PATH, { headers: { "last-event-id": "yesterday" } })
      expect(wrong.status).toBe(400)
      const stranger = yield* EventStream.open(PATH, { token: null })
      expect(stranger.status).toBe(401)
    }).pipe(Effect.scoped, Effect.provide(gateway({ limits: { authFailureDelayMs: 1 } }))),
  )

  it.live("The agents of a gateway that goes away become idle, with the reason.", () =>
    Effect.gen(function* () {
      const home = yield* Layer.build(gateway())
      const proxy = yield* CuttingProxy.make(Context.get(home, TestGateway).port)
      const upstreams = [{ name: "home", url: `ws://127.0.0.1:${proxy.port}/`, token: TOKEN }]
      const office = yield* Layer.build(gateway({ fleet: { upstreams } }))
      yield* Effect.gen(function* () {
        const stream = yield* EventStream.open(PATH)
        const cardOf = ({ data, event }: EventStream.StreamedEvent) =>
          event === "fleet.update" ? data.find(({ id }: { readonly id: string }) => id === "home:main") : undefined
        yield* stream.find((event) => cardOf(event)?.away === null)
        const runs = Context.get(home, Runs)
        yield* runs.accept({ text: "/slow 60000 a b", sessionKey: "agent:main:main" }, localPrincipal)
        yield* stream.find(
          ({ data, event }) => event === "agent.status" && data.id === "home:main" && data.status === "active",
        )
        proxy.cut()
        const events = yield* stream.find((event) => typeof cardOf(event)?.away === "string")
        expect(cardOf(events.at(-1)!)).toMatchObject({ status: "idle" })
      }).pipe(Effect.provide(office))
    }).pipe(Effect.scoped),
  )
})
