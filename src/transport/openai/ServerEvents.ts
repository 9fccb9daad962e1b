/**
 * ServerEvents: the streamed responses of OpenAI's API: server-sent events of JSON, then `[DONE]`.
 */
import * as Stream from "effect/Stream"
import type { Fault } from "../dialect/Fault.ts"
import { respond as respondWithText } from "../http/StreamedText.ts"

const DONE = "data: [DONE]\n\n"

/** An event without a name. */
export const data = (json: object): string => `data: ${JSON.stringify(json)}\n\n`

/** An event that has its type as its name. */
export const named = (event: { readonly type: string }): string => `event: ${event.type}\n${data(event)}`

/** `onFault` returns the last event of a stream that fails. */
export const respond = (events: Stream.Stream<string, Fault>, onFault: (fault: Fault) => string) =>
  respondWithText(
    "text/event-stream",
    events.pipe(
      Stream.catch((fault) => Stream.succeed(onFault(fault))),
      Stream.concat(Stream.succeed(DONE)),
    ),
  )
