/**
 * SseEncoding: encodes events for responses that last: server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), or one JSON item a line. EventStreams.ts gives it to
 * the fan-out, which encodes each event once for all clients with the same view and filter.
 */
import * as Effect from "effect/Effect"
import type { EventItem, Position } from "../../domain/Event.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { EventEncoding } from "../dialect/Dialect.ts"
import { ALIVE_MS, aliveTexts, type StreamType } from "../http/StreamedText.ts"
import { CLOSED, nameOf } from "./EventNames.ts"

/** Returns the id of an event, from which a client resumes. */
export const idOf = ({ epoch, seq }: Position): string => `${epoch}:${seq}`

/** Returns the position of an event id, or `undefined` if the text is not one. */
export const positionOf = (id: string): Position | undefined => {
  const [, epoch, seq] = /^([\w-]{1,256}):(\d{1,15})$/.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) }
}

const event = (item: EventItem, json: string, epoch: string): string =>
  `id: ${idOf({ epoch, seq: item.seq })}\nevent: ${nameOf(item)}\ndata: ${json}\n\n`

export const sseEncoding: EventEncoding<StreamType> = {
  name: "sse",
  viewKey: (view) => view,
  event: (view, item, json, epoch) =>
    Effect.succeed([
      { policy: "must", text: view === "text/event-stream" ? event(item, json(), epoch) : `${json()}\n` },
    ]),
  frame: (_view, texts) => texts.join(""),
  bytes: (text) => Buffer.from(text),
  keepAlive: {
    everyMs: ALIVE_MS,
    frames: (view) => [{ policy: "latest", key: "alive", text: aliveTexts[view] }],
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
