/**
 * StreamedText: a response whose text arrives in pieces, with signs of life in between. ResultStream.ts and the
 * OpenAI-compatible routes use it.
 */
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** Proxies often cut a response that is silent for a minute. */
const KEEP_ALIVE = "15 seconds"

/** The comment that is a sign of life in server-sent events. Clients ignore it. */
export const COMMENT = ": alive\n\n"

/** `keepAlive`: the text that the client gets after 15 seconds, and again, while the stream lasts. */
export const respond = (contentType: string, texts: Stream.Stream<string>, keepAlive: string) => {
  const signs = Stream.drop(Stream.tick(KEEP_ALIVE), 1).pipe(Stream.map(() => keepAlive))
  const merged = Stream.merge(texts, signs, { haltStrategy: "left" })
  return HttpServerResponse.stream(Stream.encodeText(merged), {
    contentType,
    // nginx collects a response before it passes it on, unless this header tells it not to.
    headers: { "cache-control": "no-store", "x-accel-buffering": "no" },
  })
}
