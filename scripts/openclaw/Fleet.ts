/**
 * Tests the fleet and the agents of an upstream gateway against OpenClaw's own gateway, whose agents have the fake model:
 * cards follow it, survive its restart, and an agent here answers through it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as FakeProvider from "../../test/support/FakeProvider.ts"
import * as Checks from "../acceptance/Checks.ts"
import { answers } from "../acceptance/FakeModel.ts"
import { home } from "../acceptance/Installation.ts"
import { calling, configured } from "./Gateways.ts"
import type { Installed } from "./Installations.ts"
import { make, operator, TOKEN } from "./ReferenceGateway.ts"

const { contains, equals, until } = Checks

const Card = Schema.Struct({
  id: Schema.String,
  displayName: Schema.String,
  status: Schema.String,
  sessionKey: Schema.optionalKey(Schema.NullOr(Schema.String)),
  away: Schema.optionalKey(Schema.NullOr(Schema.String)),
})
const Cards = Schema.Struct({ cards: Schema.Array(Card) })

/** The configuration of OpenClaw's gateway. */
const withModel = (provider: FakeProvider.FakeProvider) => ({
  agents: { defaults: { model: { primary: "fake/fake" } }, entries: { main: {}, otto: { name: "Otto" } } },
  models: {
    providers: {
      fake: {
        baseUrl: provider.baseUrl.openai,
        apiKey: "key",
        api: "openai-completions",
        models: [{ id: "fake", name: "Fake", contextWindow: 128_000, maxTokens: 4_096 }],
      },
    },
  },
})

export const fleet = Effect.fnUntraced(function* (installed: Installed) {
  const provider = yield* FakeProvider.make
  provider.script("fake", answers)
  const reference = yield* make(installed, withModel(provider))
  reference.start()
  const upstreams = [{ name: "real", url: `ws://127.0.0.1:${reference.port}/`, token: TOKEN }]
  const gateway = yield* configured(home(), { runtime: "upstream/real", fleet: { upstreams } })
  const there = yield* Effect.acquireRelease(
    Effect.sync(() => operator(reference)),
    (client) => Effect.promise(() => client.close()),
  )
  const { check, checks } = Checks.make()

  const list = calling(gateway, "fleet.list", Cards)
  const card = async (id: string) => (await list()).cards.find((card) => card.id === `real:${id}`)
  /** Waits until the card of the agent is accepted. Dies with the card as it was last. */
  const shows = (id: string, accepts: (card: typeof Card.Type | undefined) => boolean) => {
    let last: typeof Card.Type | undefined
    return until(
      async () => (last = await card(id)),
      (card) => accepts(card),
    ).pipe(
      Effect.timeoutOrElse({
        duration: "100 seconds",
        orElse: () => Effect.die(new Error(`the card is ${JSON.stringify(last)}\n${reference.output}`)),
      }),
    )
  }
  const call = (method: string, params?: object) => Effect.promise(() => there.request(method, params))

  yield* check(
    "fleet: has a card for each agent of the gateway",
    Effect.gen(function* () {
      yield* shows("main", (card) => card !== undefined)
      const otto = yield* shows("otto", (card) => card !== undefined)
      yield* equals([otto?.displayName, otto?.status, otto?.away ?? null], ["Otto", "idle", null])
    }),
  )
  yield* check(
    "fleet: a new session there becomes the session of the card",
    Effect.gen(function* () {
      yield* Effect.promise(() => there.connected())
      const { key } = yield* Effect.promise(() => there.call("sessions.create", { agentId: "otto", label: "planning" }))
      yield* shows("otto", (card) => card?.sessionKey === key)
    }),
  )
  yield* check(
    "fleet: an agent that is added there gets a card, and loses it when it is deleted",
    Effect.gen(function* () {
      yield* call("agents.create", { name: "Luna", workspace: `${home()}/luna` })
      yield* shows("luna", (card) => card?.displayName === "Luna")
      yield* call("agents.delete", { agentId: "luna" })
      yield* shows("luna", (card) => card === undefined)
    }),
  )
  yield* check(
    "agent: answers through the gateway",
    Effect.gen(function* () {
      const { stderr, stdout } = yield* gateway.cli("send", "good morning", "--session", "first")
      yield* contains(stdout + stderr, /heard: .*good morning/s)
    }),
  )
  yield* check(
    "agent: streams, shows the run on the card, and an abort reaches the gateway and its model",
    Effect.scoped(
      Effect.gen(function* () {
        const sending = yield* gateway.open("send", "wait for me", "--session", "first")
        yield* sending.prints("heard:")
        yield* shows("main", (card) => card?.status === "active")
        const request = provider.requests.at(-1)
        sending.signal("SIGINT")
        yield* sending.exit
        yield* equals(yield* Effect.promise(async () => request?.closed), "closed")
        yield* shows("main", (card) => card?.status === "idle")
      }),
    ),
  )
  yield* check(
    "fleet: cards say why the gateway is away during its restart, and come back",
    Effect.gen(function* () {
      yield* Effect.promise(() => reference.stop())
      yield* shows("otto", (card) => card?.away != null)
      reference.start()
      yield* shows("otto", (card) => card !== undefined && card.away == null)
    }),
  )
  yield* check(
    "agent: continues its session after the restart",
    Effect.gen(function* () {
      const { stderr, stdout } = yield* gateway.cli("send", "what did I say first?", "--session", "first")
      yield* contains(stdout + stderr, /heard: .*what did I say first/s)
      yield* contains(JSON.stringify(provider.requests.at(-1)?.body.messages), "good morning")
    }),
  )
  return checks
})
