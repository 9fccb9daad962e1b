/** Compares the cards after many changes with those that the same facts make in one list. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type AgentFact, CardMerge, type SessionFact } from "../../../src/services/fleet/CardMerge.ts"

const AgentId = Schema.Literals(["main", "luna"])
const SessionKey = Schema.Literals(["a", "b", "c"])
const Step = Schema.Union([
  Schema.TaggedStruct("Agent", { id: AgentId, name: Schema.Literals(["One", "Two"]) }),
  Schema.TaggedStruct("AgentRemoved", { id: AgentId }),
  Schema.TaggedStruct("Session", {
    key: SessionKey,
    agentId: AgentId,
    activity: Schema.Literals(["idle", "queued", "running"]),
    updatedAt: Schema.Literals([1, 2, 3]),
    label: Schema.NullOr(Schema.Literals(["Red"])),
  }),
  Schema.TaggedStruct("SessionRemoved", { key: SessionKey }),
])

const begin: ReadonlyArray<typeof Step.Type> = AgentId.literals.map((id) => ({ _tag: "Agent", id, name: "One" }))

const session = (facts: Partial<SessionFact> = {}): SessionFact => ({
  key: "a",
  agentId: "main",
  activity: "idle",
  updatedAt: 1,
  channel: null,
  label: null,
  displayName: "a",
  lastMessage: null,
  ...facts,
})

const main: AgentFact = { id: "main", name: "Main", role: "default" }

/** A gateway with one agent. */
const merge = () => {
  const merge = new CardMerge("home")
  merge.apply({ _tag: "Listed", agents: [main], sessions: [] })
  return merge
}

const card = (merge: CardMerge) => merge.cards.get("home:main")

describe("CardMerge", () => {
  it.prop(
    "After any changes, the cards are those of a whole list, and the changes say how they came about.",
    [Schema.Array(Step).check(Schema.isBetweenLength(20, 40))],
    ([steps]) => {
      const merge = new CardMerge(null)
      const agents = new Map<string, AgentFact>()
      const sessions = new Map<string, SessionFact>()
      const copy = new Map<string, unknown>()
      for (const step of [...begin, ...steps]) {
        const change = () => {
          switch (step._tag) {
            case "Agent": {
              const agent = { id: step.id, name: step.name, role: step.id === "main" ? "default" : "agent" }
              agents.set(step.id, agent)
              return merge.apply({ _tag: "Agent", agent })
            }
            case "AgentRemoved":
              agents.delete(step.id)
              return merge.apply({ _tag: "AgentRemoved", agentId: step.id })
            case "Session": {
              const { _tag, ...facts } = step
              const changed = session({ ...facts, displayName: facts.key })
              sessions.set(step.key, changed)
              return merge.apply({ _tag: "Session", session: changed })
            }
            case "SessionRemoved":
              sessions.delete(step.key)
              return merge.apply({ _tag: "SessionRemoved", key: step.key })
          }
        }
        const { changed, removed } = change()
        for (const card of changed) {
          expect(copy.get(card.id)).not.toEqual(card)
          copy.set(card.id, card)
        }
        for (const id of removed) expect(copy.delete(id)).toBe(true)
      }
      const whole = new CardMerge(null)
      whole.apply({ _tag: "Listed", agents: [...agents.values()], sessions: sessions.values() })
      expect(new Map(merge.cards)).toEqual(whole.cards)
      expect(copy).toEqual(whole.cards)
    },
    { arbitrary: { runs: 150, size: 40 } },
  )

  it("A card shows the newest session at work before any newer one at rest.", () => {
    const one = merge()
    one.apply({ _tag: "Session", session: session({ key: "old", activity: "running", updatedAt: 1, label: "Report" }) })
    one.apply({ _tag: "Session", session: session({ key: "new", updatedAt: 9 }) })
    expect(card(one)).toMatchObject({ status: "active", sessionKey: "old", currentTask: "Report", role: "default" })
    one.apply({ _tag: "SessionRemoved", key: "old" })
    expect(card(one)).toMatchObject({ status: "idle", sessionKey: "new", lastActivity: 9 })
    expect(card(one)).not.toHaveProperty("currentTask")
  })

  it("The status follows the run: active, thinking, active, idle.", () => {
    const one = merge()
    one.apply({ _tag: "Session", session: session({ activity: "running" }) })
    const statuses = [
      { _tag: "RunStarted", sessionKey: "a", at: 5 },
      { _tag: "RunThinks", sessionKey: "a", thinks: true },
      { _tag: "RunThinks", sessionKey: "a", thinks: false },
      { _tag: "RunEnded", sessionKey: "a", problem: undefined },
      { _tag: "Session", session: session({ updatedAt: 2 }) },
    ] as const
    expect(statuses.map((change) => (one.apply(change), card(one)?.status))).toEqual([
      "active",
      "thinking",
      "active",
      "active",
      "idle",
    ])
  })

  it("A task begins once, and each step of the agent makes progress.", () => {
    const one = merge()
    const running = session({ activity: "running", label: "Report" })
    const task = { id: "home:main", task: "Report" }
    expect(one.apply({ _tag: "Session", session: running }).begun).toEqual([task])
    expect(one.apply({ _tag: "RunStarted", sessionKey: "a", at: 5 }).begun).toEqual([])
    expect(one.apply({ _tag: "RunStepped", sessionKey: "a" }).stepped).toEqual([{ ...task, startedAt: 5 }])
    expect(one.apply({ _tag: "RunStepped", sessionKey: "other" }).stepped).toEqual([])
  })

  it("A failed run makes an error with its message, until the next run starts.", () => {
    const one = merge()
    one.apply({ _tag: "Session", session: session() })
    one.apply({ _tag: "RunEnded", sessionKey: "a", problem: "no credit" })
    expect(card(one)).toMatchObject({ status: "error", errorMessage: "no credit" })
    one.apply({ _tag: "RunStarted", sessionKey: "a", at: 7 })
    one.apply({ _tag: "Session", session: session({ activity: "running" }) })
    expect(card(one)).toMatchObject({ status: "active", taskStartedAt: 7 })
    expect(card(one)).not.toHaveProperty("errorMessage")
  })
})
