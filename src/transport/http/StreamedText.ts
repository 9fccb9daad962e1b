/**
 * StreamedText: responses that last, as server-sent events or as one JSON value a line, with signs of life in between.
 * ResultStream.ts and the OpenAI-compatible routes respond with it, and the event streams use its parts.
 */
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** The media types of streams. */
export type StreamType = "application/x-ndjson" | "text/event-stream"

/** Proxies often cut a response that is silent for a minute. */
export const ALIVE_MS = 15_000

/** The text that is a sign of life. Clients ignore it. */
export const aliveTexts: Readonly<Record<StreamType, string>> = {
  "application/x-ndjson": "\n",
  "text/event-stream": ": alive\n\n",
}

export const streamHeaders = {
  "cache-control": "no-store",
  // nginx collects a response before it passes it on, unless this header tells it not to.
  "x-accel-buffering": "no",
}

/** Responds with the texts. The client gets a sign of life after 15 seconds, and again, while the stream lasts. */
export const respond = (type: StreamType, texts: Stream.Stream<string>) => {
  const signs = Stream.drop(Stream.tick(ALIVE_MS), 1).pipe(Stream.map(() => aliveTexts[type]))
  const merged = Stream.merge(texts, signs, { haltStrategy: "left" })
  return HttpServerResponse.stream(Stream.encodeText(merged), { contentType: type, headers: streamHeaders })
}
