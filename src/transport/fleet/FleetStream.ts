/**
 * FleetStream: the events of the fleet in the flat form that dashboards for OpenClaw gateways expect: `connected`,
 * `agent.status`, `agent.task`, `agent.progress` and `fleet.update`. FleetRoutes.ts serves them.
 */
import * as Effect from "effect/Effect"
import type { AgentTask } from "../../domain/AgentCard.ts"
import { call } from "../dialect/Query.ts"
import { type EventForm, eventText, frames } from "../sse/SseEncoding.ts"
import { cardView, elapsed } from "./FleetViews.ts"

const taskView = ({ id, progress, startedAt, task }: AgentTask, now: number) => ({
  agentId: id,
  taskDescription: task,
  ...(progress !== undefined && { progress }),
  ...(startedAt !== undefined && { elapsed: elapsed(now - startedAt) }),
})

/** All cards as they are now. */
const everyCard = Effect.map(call("fleet.list", {}), ({ cards }) => cards.map((card) => cardView(card, card.asOf)))

export const fleetForm: EventForm = {
  name: "fleet",
  event: (_type, item, _json, epoch) => {
    const text = (name: string, data: unknown) => eventText(name, JSON.stringify(data), { epoch, seq: item.seq })
    const one = (name: string, data: unknown) => Effect.succeed(frames(text(name, data)))
    // Live events cannot be replayed, so each connection begins with the whole fleet.
    if (item._tag === "Joined")
      return Effect.map(everyCard, (cards) => frames(text("connected", {}), text("fleet.update", cards)))
    if (item._tag !== "Event") return Effect.succeed([])
    const { at, event } = item
    switch (event._tag) {
      case "CardChanged":
        return one("agent.status", cardView({ ...event.card, asOf: at, away: null }, at))
      case "TaskStarted":
        return one("agent.task", taskView(event, at))
      case "TaskProgressed":
        return one("agent.progress", taskView(event, at))
      // There is no event for a card that goes, and the cards of a gateway that is away are idle.
      case "CardRemoved":
      case "FleetUpdated":
      case "UpstreamChanged":
        return Effect.map(everyCard, (cards) => frames(text("fleet.update", cards)))
      default:
        return Effect.succeed([])
    }
  },
}
