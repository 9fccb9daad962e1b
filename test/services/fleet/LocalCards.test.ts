/** Compares the cards that follow every change with those that are made when somebody asks. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Agent } from "../../../src/domain/Agent.ts"
import type { GatewayEvent } from "../../../src/domain/Event.ts"
import type { Session } from "../../../src/domain/Session.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { LocalCards } from "../../../src/services/fleet/LocalCards.ts"
import { agent } from "../../support/Agents.ts"
import { follow, layerOf } from "../../support/FleetLayers.ts"
import { session } from "../../support/Sessions.ts"

const AgentId = Schema.Literals(["main", "luna"])
const Key = Schema.Literals(["main:a", "main:b", "luna:a", "luna:b", "luna:c"])

const Step = Schema.Union([
  Schema.TaggedStruct("Agent", { id: AgentId, name: Schema.Literals(["One", "Two"]) }),
  Schema.TaggedStruct("AgentRemoved", { id: AgentId }),
  Schema.TaggedStruct("Session", {
    key: Key,
    activity: Schema.Literals(["idle", "queued", "running"]),
    updatedAt: Schema.Literals([1, 2, 3, 4]),
  }),
  Schema.TaggedStruct("SessionClosed", { key: Key }),
  Schema.TaggedStruct("Run", { key: Key, event: Schema.Literals(["start", "think", "text", "end", "fail"]) }),
  Schema.TaggedStruct("Follow", { isFollowed: Schema.Boolean }),
])
type Step = typeof Step.Type

const agentIdOf = (key: string): string => key.split(":")[0]!

const runEvent = (key: string, event: Extract<Step, { readonly _tag: "Run" }>["event"]): GatewayEvent => {
  const run = { sessionKey: key, runId: "r", agentId: agentIdOf(key) }
  switch (event) {
    case "start":
      return { _tag: "RunStarted", ...run, attempt: 1 }
    case "think":
      return { _tag: "ThinkingDelta", ...run, text: "hm" }
    case "text":
      return { _tag: "TextDelta", ...run, text: "hi" }
    case "end":
      return { _tag: "RunEnded", ...run, outcome: "done" }
    case "fail":
      return { _tag: "RunEnded", ...run, outcome: "failed" }
  }
}

describe("LocalCards", () => {
  it.prop(
    "Cards that follow every change, that begin to follow in the middle, and that are made on request are the same.",
    [Schema.Array(Step).check(Schema.isBetweenLength(20, 60))],
    ([steps]) => {
      const agents = new Map<string, Agent>()
      const sessions = new Map<string, Session>()
      const facts = { agents: () => [...agents.values()], sessions }
      const always = new LocalCards(facts)
      const sometimes = new LocalCards(facts)
      const never = new LocalCards(facts)
      always.follow(true)
      const apply = (event: GatewayEvent, seq: number) => {
        for (const cards of [always, sometimes, never]) cards.apply({ _tag: "Event", seq, at: seq, event })
      }
      for (const [seq, step] of steps.entries()) {
        switch (step._tag) {
          case "Agent": {
            const changed = agent({ id: step.id, name: step.name })
            agents.set(step.id, changed)
            apply({ _tag: "AgentChanged", agent: changed }, seq)
            break
          }
          case "AgentRemoved":
            agents.delete(step.id)
            apply({ _tag: "AgentRemoved", agentId: step.id }, seq)
            break
          case "Session": {
            const { activity, key, updatedAt } = step
            const lastMessage = `message ${updatedAt}`
            const changed = session(key, { agentId: agentIdOf(key), activity, updatedAt, lastMessage })
            sessions.set(key, changed)
            apply({ _tag: "SessionChanged", session: changed }, seq)
            break
          }
          case "SessionClosed":
            sessions.delete(step.key)
            apply({ _tag: "SessionClosed", sessionKey: step.key }, seq)
            break
          case "Run":
            apply(runEvent(step.key, step.event), seq)
            break
          case "Follow":
            sometimes.follow(step.isFollowed)
        }
        const byId = (cards: LocalCards) => new Map(cards.cards().map((card) => [card.id, card]))
        expect(byId(never)).toEqual(byId(always))
        expect(byId(sometimes)).toEqual(byId(always))
      }
    },
    { arbitrary: { runs: 150, size: 60 } },
  )

  it.effect("A gateway publishes the changes of its cards only while somebody follows the fleet.", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf({}))
      const events = Context.get(context, Events)
      const fleet = Context.get(context, Fleet)
      const agents = Context.get(context, Agents)
      const published: Array<string> = []
      yield* events.onEvent(({ event }) => void (event._tag === "CardChanged" && published.push(event.card.id)))
      const ids = Effect.map(fleet.list, ({ cards }) => cards.map(({ id }) => id))

      yield* agents.create({ id: "luna", name: "Luna" })
      expect(yield* ids).toEqual(["main", "luna"])

      yield* Effect.gen(function* () {
        const { untilCard } = yield* Effect.provide(follow, context)
        expect(yield* ids).toEqual(["main", "luna"])
        yield* agents.create({ id: "rex", name: "Rex" })
        yield* untilCard(null, "rex", { displayName: "Rex" })
        expect(yield* ids).toEqual(["main", "luna", "rex"])
      }).pipe(Effect.scoped)

      yield* agents.create({ id: "dex", name: "Dex" })
      expect(yield* ids).toEqual(["main", "luna", "rex", "dex"])
      expect(yield* fleet.get("dex")).toMatchObject({ displayName: "Dex", away: null, via: null })
      // Live events come after the commit before them.
      yield* agents.create({ id: "hex", name: "Hex" })
      expect(published).toEqual(["rex"])
    }),
  )
})
