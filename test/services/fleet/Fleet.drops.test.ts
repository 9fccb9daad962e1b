/** The fleet over 1,000 drops of an upstream gateway that changes all the time. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import type { AgentCard } from "../../../src/domain/AgentCard.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { CardMerge } from "../../../src/services/fleet/CardMerge.ts"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { listed } from "../../../src/services/fleet/UpstreamChanges.ts"
import { follow, layerOf } from "../../support/FleetLayers.ts"
import { MemoryUpstream } from "../../support/MemoryUpstream.ts"

const DROPS = 1_000

/** The cards that the lists of the gateway make. */
const cardsOf = ({ agents, sessions }: MemoryUpstream) => {
  const merge = new CardMerge("home")
  merge.apply(listed([...agents.values()], sessions.values(), "main"))
  return merge.cards
}

describe("The fleet over drops", () => {
  it.effect("At rest every card is the gateway's, and subscribers have seen each change once and in order.", () => {
    const upstream = new MemoryUpstream()
    const below = (count: number) => Random.nextIntBetween(0, count)
    let at = 0

    const change = Effect.gen(function* () {
      const agent = `agent-${yield* below(5)}`
      const key = `agent:${agent}:${yield* below(4)}`
      switch (yield* below(6)) {
        case 0:
          return upstream.putAgent(agent, `Name ${yield* below(3)}`)
        case 1:
          return upstream.removeAgent(agent)
        case 2:
          return upstream.removeSession(key)
        default: {
          const hasActiveRun = (yield* below(2)) === 0
          upstream.putSession({ key, agentId: agent, hasActiveRun, updatedAt: at++, label: `Task ${yield* below(3)}` })
        }
      }
    })

    const program = Effect.gen(function* () {
      const fleet = yield* Fleet
      const { seen, untilCard } = yield* follow
      yield* TestClock.adjust(1)
      // A drop or a change may come before any answer.
      const disturb = () =>
        Effect.gen(function* () {
          yield* Effect.yieldNow
          if ((yield* below(3)) === 0) yield* change
          if ((yield* below(8)) === 0) upstream.drop()
        })
      const copy = new Map<string, AgentCard>()
      let read = 0
      let position = 0
      const readEvents = () => {
        for (const { event, seq } of seen.slice(read)) {
          expect(seq).toBeGreaterThan(position)
          position = seq
          if (event._tag === "CardChanged") {
            expect(copy.get(event.card.id)).not.toEqual(event.card)
            copy.set(event.card.id, event.card)
          }
          if (event._tag === "CardRemoved") expect(copy.delete(event.id)).toBe(true)
          if (event._tag === "FleetUpdated") {
            copy.clear()
            for (const card of event.cards) copy.set(card.id, card)
          }
        }
        read = seen.length
      }
      for (let drop = 0; drop < DROPS; drop++) {
        upstream.onRequest = disturb
        upstream.connect((yield* below(2)) === 0)
        for (let i = yield* below(6); i > 0; i--) {
          yield* change
          if ((yield* below(2)) === 0) yield* Effect.yieldNow
        }
        upstream.drop()
        for (let i = yield* below(3); i > 0; i--) yield* change
        if (drop % 10 !== 9) continue
        // Most connections at which the gateway comes to rest are resumed, so that new lists hide no lost change.
        upstream.onRequest = () => Effect.yieldNow
        upstream.connect((yield* below(4)) > 0)
        upstream.putAgent("marker", `connected ${drop}`)
        yield* untilCard("home", "marker", { displayName: `connected ${drop}` })
        for (let i = yield* below(6); i > 0; i--) yield* change
        upstream.putAgent("marker", `at rest ${drop}`)
        yield* untilCard("home", "marker", { displayName: `at rest ${drop}` })
        readEvents()
        const { cards } = yield* fleet.list
        const upstreamCards = cards
          .filter((card) => card.upstream === "home")
          .map(({ asOf: _asOf, away: _away, via: _via, ...card }) => [card.id, card] as const)
        expect(new Map(upstreamCards)).toEqual(cardsOf(upstream))
        expect(new Map([...copy].filter(([id]) => id !== "main"))).toEqual(cardsOf(upstream))
        upstream.drop()
      }
      expect((yield* Events).head().seq).toBeGreaterThanOrEqual(position)
    })
    return program.pipe(Effect.provide(layerOf({ home: upstream.client })), Effect.scoped, Random.withSeed("fleet"))
  })
})
