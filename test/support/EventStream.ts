/**
 * Event streams: a client of `GET /events` that reads the events as they arrive, and the data of whole streams. The tests of
 * SSE, of the fleet and of OpenAI's API use it.
 */
import * as Effect from "effect/Effect"
import { open as openResponse, type Sent } from "./HttpRequests.ts"

export interface StreamedEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: any
}

/** Returns the whole events of a stream so far. Comments are no events. */
export const eventsIn = (text: string): ReadonlyArray<StreamedEvent> =>
  text
    .slice(0, text.lastIndexOf("\n\n") + 1)
    .split("\n\n")
    .flatMap((block) => {
      const fields = new Map(
        block
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)] as const),
      )
      const data = fields.get("data")
      return data === undefined
        ? []
        : [{ id: fields.get("id"), event: fields.get("event") ?? "message", data: JSON.parse(data) as unknown }]
    })

/** Returns the JSON objects of a whole stream of OpenAI's API, without the `[DONE]` at its end. */
export const dataIn = (text: string): ReadonlyArray<any> =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)))

/** Opens the stream at the path. The scope cuts it. */
export const open = Effect.fnUntraced(function* (path = "/events", sent: Sent = {}) {
  const response = yield* openResponse(path, sent)
  const events = () => eventsIn(response.text())
  return {
    ...response,
    events,
    /** Waits until an event matches and returns all events so far. */
    find: (matches: (event: StreamedEvent) => boolean) =>
      Effect.map(
        response.until((text) => eventsIn(text).some(matches)),
        eventsIn,
      ),
  }
})
