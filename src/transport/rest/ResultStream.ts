/**
 * ResultStream: the response to a streaming method: one value a line (NDJSON), or one value an event (SSE). A call that
 * fails before its first value gets a response with the status of the error. Rest.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Fault } from "../dialect/Fault.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import { respond, type StreamType } from "../http/StreamedText.ts"

/** The text of a stream in one media type. */
interface Framing {
  readonly value: (json: string) => string
  /** The last text of a stream that failed. `json`: the problem. */
  readonly failure: (json: string) => string
  readonly end: string
}

const framings: Readonly<Record<StreamType, Framing>> = {
  "application/x-ndjson": {
    value: (json) => `${json}\n`,
    failure: (json) => `{"problem":${json}}\n`,
    end: "",
  },
  "text/event-stream": {
    value: (json) => `data: ${json}\n\n`,
    failure: (json) => `event: problem\ndata: ${json}\n\n`,
    end: "event: end\ndata: {}\n\n",
  },
}

/** The media types of streams, the default first. */
export const streamTypes: ReadonlyArray<StreamType> = ["application/x-ndjson", "text/event-stream"]

/** Waits for the first value. Fails if the call fails before it. The stream runs in the scope of the request. */
export const make = Effect.fnUntraced(function* (
  type: StreamType,
  values: Stream.Stream<unknown, Fault>,
): Effect.fn.Return<HttpServerResponse.HttpServerResponse, Fault, Scope.Scope> {
  const framing = framings[type]
  const pull = yield* Stream.toPull(values)
  const pullTexts = Effect.map(pull, (values) => {
    const text = values.map((value) => framing.value(JSON.stringify(value))).join("")
    return [text] as const
  })
  const first = yield* Pull.catchDone(pullTexts, () => Effect.undefined)
  if (first === undefined) return respond(type, Stream.make(framing.end))
  const texts = Stream.fromIterable(first).pipe(
    Stream.concat(Stream.fromPull(Effect.succeed(pullTexts))),
    Stream.concat(Stream.make(framing.end)),
    Stream.catch((fault) => Stream.make(framing.failure(JSON.stringify(ProblemDetails.problemOf(fault))))),
  )
  return respond(type, texts)
})
