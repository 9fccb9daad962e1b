import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { QueueMode } from "../../../src/domain/Run.ts"
import { takenOf } from "../../../src/services/transcript/TakenTurns.ts"
import { principal } from "../../support/Conversations.ts"

const senders = { same: principal, other: { ...principal, id: "else" }, weaker: { ...principal, scopes: [] } }

const Waiting = Schema.Struct({
  agentId: Schema.Literals(["main", "other"]),
  sender: Schema.Literals(["same", "other", "weaker"]),
  queue: QueueMode,
})

describe("takenOf", () => {
  it.prop(
    "A run takes the first waiting turns of its mode, agent and sender, and leaves the others in order.",
    [Schema.Array(Waiting), QueueMode],
    ([waiting, mode]) => {
      const turns = waiting.map(({ sender, ...turn }) => ({ ...turn, sender, principal: senders[sender] }))
      const fits = ({ agentId, queue, sender }: (typeof turns)[number]) =>
        agentId === "main" && sender === "same" && queue === mode
      const taken = takenOf({ agentId: "main", principal }, turns, mode)
      expect(taken).toEqual(turns.slice(0, taken.length))
      expect(taken.every(fits)).toBe(true)
      const next = turns[taken.length]
      expect(next !== undefined && fits(next)).toBe(false)
    },
  )
})
