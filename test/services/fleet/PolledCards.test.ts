import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { CardMerge } from "../../../src/services/fleet/CardMerge.ts"
import { elapsedMs, polledCards } from "../../../src/services/fleet/PolledCards.ts"
import { RunFacts } from "../../../src/services/fleet/RunFacts.ts"
import { cardView, elapsed } from "../../../src/transport/fleet/FleetViews.ts"

const NOW = 1_795_189_207_899

const Card = Schema.Struct({
  id: Schema.Literals(["otto", "rex"]),
  role: Schema.Literals(["default", "agent"]),
  status: Schema.Literals(["active", "idle", "thinking", "error"]),
  task: Schema.Literals(["Report", "Tests"]),
  startedAgo: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_999_999 })),
})

describe("PolledCards", () => {
  it.prop(
    "The cards of Causeway's `GET /api/agents` are read back as they were, with times to the second.",
    [Card],
    ([{ id, role, startedAgo, status, task }]) => {
      const isActive = status === "active" || status === "thinking"
      const card = {
        id,
        agentId: id,
        upstream: null,
        displayName: `Agent ${id}`,
        role,
        status,
        ...(isActive && { currentTask: task, taskStartedAt: NOW - startedAgo }),
        sessionKey: `agent:${id}:main`,
        channel: "web",
        lastActivity: NOW - 1_000,
        ...(status === "error" && { errorMessage: "no credit" }),
      }
      const answer = JSON.parse(JSON.stringify([cardView({ ...card, asOf: NOW, away: null, via: null }, NOW)]))
      const merge = new CardMerge("home")
      merge.apply(polledCards(answer, merge.runs, NOW)!)
      const started = { taskStartedAt: NOW - Math.floor(startedAgo / 1_000) * 1_000 }
      expect(merge.cards.get(`home:${id}`)).toEqual({
        ...card,
        id: `home:${id}`,
        upstream: "home",
        ...(isActive && started),
      })
    },
  )

  it.prop(
    "A duration is read back from its text.",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_999_999 }))],
    ([ms]) => expect(elapsedMs(elapsed(ms))).toBe(Math.floor(ms / 1_000) * 1_000),
  )

  it("Unusable cards, and those of further gateways, are left out, and long texts are cut.", () => {
    const answer = [
      null,
      {},
      { id: "" },
      { id: "x".repeat(200) },
      { id: "far:luna", upstream: "far" },
      { id: "rex", sessionKey: "k".repeat(9_000) },
      {
        id: "otto",
        displayName: "O".repeat(5_000),
        status: "active",
        taskElapsed: "long",
        lastActivity: "never",
        taskProgress: 900,
      },
    ]
    const merge = new CardMerge("home")
    merge.apply(polledCards(answer, merge.runs, NOW)!)
    expect([...merge.cards.keys()]).toEqual(["home:otto"])
    const otto = merge.cards.get("home:otto")!
    expect(otto).toMatchObject({ status: "active", lastActivity: null, sessionKey: "agent:otto:main" })
    expect(otto.displayName).toHaveLength(200)
    expect(otto).not.toHaveProperty("taskProgress")
    expect(otto).not.toHaveProperty("taskStartedAt")
  })

  it.each([null, 5, "cards", {}, { agents: "many" }])("The answer %j is no list of agents.", (answer) =>
    expect(polledCards(answer, new RunFacts(), NOW)).toBeUndefined(),
  )
})
