/**
 * SseEncoding: encodes events for responses that last: server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), or one JSON item a line. EventStreams.ts gives it to
 * the fan-out, which encodes each event once for all clients with the same view and filter.
 */
import * as Effect from "effect/Effect"
import type { EventItem, Position } from "../../domain/Event.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { EventEncoding, EventFrame } from "../dialect/Dialect.ts"
import type { Query } from "../dialect/Query.ts"
import { ALIVE_MS, aliveTexts, type StreamType } from "../http/StreamedText.ts"
import { CLOSED, nameOf } from "./EventNames.ts"

/** Returns the id of an event, from which a client resumes. */
export const idOf = ({ epoch, seq }: Position): string => `${epoch}:${seq}`

/** Returns the position of an event id, or `undefined` if the text is not one. */
export const positionOf = (id: string): Position | undefined => {
  const [, epoch, seq] = /^([\w-]{1,256}):(\d{1,15})$/.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) }
}

/** Returns the text of one server-sent event. `data` is one line. */
export const eventText = (name: string, data: string, position: Position): string =>
  `id: ${idOf(position)}\nevent: ${name}\ndata: ${data}\n\n`

/** The form in which a stream has the events: its name, which no other form has, and the encoding of an item. */
export interface EventForm {
  readonly name: string
  readonly event: (
    type: StreamType,
    item: EventItem,
    json: () => string,
    epoch: string,
  ) => Query<ReadonlyArray<EventFrame>>
}

/** Returns frames with these texts. */
export const frames = (...texts: ReadonlyArray<string>): ReadonlyArray<EventFrame> =>
  texts.map((text) => ({ policy: "must", text }))

/** The items of the contract as they are. */
export const contractItems: EventForm = {
  name: "items",
  event: (type, item, json, epoch) =>
    Effect.succeed(
      frames(type === "text/event-stream" ? eventText(nameOf(item), json(), { epoch, seq: item.seq }) : `${json()}\n`),
    ),
}

export interface StreamView {
  readonly type: StreamType
  readonly form: EventForm
}

export const sseEncoding: EventEncoding<StreamView> = {
  name: "sse",
  viewKey: ({ form, type }) => `${type} ${form.name}`,
  event: ({ form, type }, item, json, epoch) => form.event(type, item, json, epoch),
  frame: (_view, texts) => texts.join(""),
  bytes: (text) => Buffer.from(text),
  keepAlive: {
    everyMs: ALIVE_MS,
    frames: ({ type }) => [{ policy: "latest", key: "alive", text: aliveTexts[type] }],
  },
}

/** Returns the last text of a stream: the reason of its end, and how long to wait before connecting again. */
export const closingText = (
  view: StreamType,
  { code, reason }: Pick<CloseCode, "code" | "reason">,
  retryMs: number,
): string =>
  view === "text/event-stream"
    ? `retry: ${retryMs}\nevent: ${CLOSED}\ndata: ${JSON.stringify({ code, reason })}\n\n`
    : ""
