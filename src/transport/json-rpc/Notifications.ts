/**
 * Notifications: encodes the notifications of the JSON-RPC dialect, which are `typing` and the items of streams. Text
 * deltas that wait for a slow client merge into one. JsonRpc.ts uses it.
 */
import type { EventItem, LiveEvent, Positioned } from "../../domain/Event.ts"
import type { EventFrame } from "../dialect/Dialect.ts"
import type { Merge } from "../connection/Outbox.ts"
import { type Id, writeNotification } from "./Envelope.ts"

/** The key and view of the subscription to typing notifications. No subscription of a client has this id. */
export const TYPING = "typing"

const ITEM = "$/item"

/** Encodes an item of a streaming call with the call's id. */
export const callItem = (id: Id, item: unknown): string =>
  writeNotification(ITEM, `{"id":${JSON.stringify(id)},"item":${JSON.stringify(item)}}`)

const subscriptionItem = (subscription: string, json: string): string =>
  writeNotification(ITEM, `{"subscription":${JSON.stringify(subscription)},"item":${json}}`)

type Delta = Extract<LiveEvent, { readonly _tag: "TextDelta" | "ThinkingDelta" }>

interface DeltaItem {
  readonly subscription: string
  readonly item: Positioned
  readonly delta: Delta
}

/** The estimated size of a delta without its text. */
const ITEM_BYTES = 256

const deltas: Merge<DeltaItem> = {
  merge: (pending, next) => ({ ...next, delta: { ...next.delta, text: pending.delta.text + next.delta.text } }),
  render: ({ delta, item, subscription }) => subscriptionItem(subscription, JSON.stringify({ ...item, event: delta })),
  bytes: ({ delta }) => ITEM_BYTES + delta.text.length,
}

const typing = (item: EventItem): ReadonlyArray<EventFrame> => {
  if (item._tag !== "Event" || (item.event._tag !== "RunStarted" && item.event._tag !== "RunEnded")) return []
  const params = { agent_id: item.event.agentId, typing: item.event._tag === "RunStarted" }
  return [{ policy: "must", text: writeNotification("typing", JSON.stringify(params)) }]
}

const itemFrame = (key: string, item: EventItem, json: () => string): EventFrame => {
  const text = subscriptionItem(key, json())
  if (item._tag !== "Event") return { policy: "must", text }
  switch (item.event._tag) {
    case "TextDelta":
    case "ThinkingDelta": {
      const { event: delta } = item
      const value: DeltaItem = { subscription: key, item, delta }
      return { policy: "append", key: `${delta._tag} ${delta.runId}`, text, value, by: deltas }
    }
    case "PresenceChanged":
      return { policy: "latest", key: "presence", text }
    default:
      return { policy: "must", text }
  }
}

/** Encodes an item for a subscription. `json` returns the item's own JSON. */
export const encode = (subscription: string, item: EventItem, json: () => string): ReadonlyArray<EventFrame> =>
  subscription === TYPING ? typing(item) : [itemFrame(subscription, item, json)]
