/**
 * Reply: turns the events of one run into the pieces of its text, in order and without repetition. GatewayClient uses it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { StreamItem } from "../domain/Chat.ts"
import { RunError } from "../domain/RunError.ts"

/** The run failed or was aborted, so it has no reply. */
export class RunNotDone extends Schema.TaggedError<RunNotDone>()("RunNotDone", {
  runId: Schema.String,
  outcome: Schema.Literals(["aborted", "failed"]),
  error: Schema.optionalKey(RunError),
}) {
  override get message(): string {
    return this.outcome === "aborted"
      ? "the run was aborted"
      : `the run failed: ${this.error?.message ?? "no reason given"}`
  }
}

/**
 * Returns the text that the item adds to the text so far. An item with the whole text adds the part that is new. A text
 * of a restarted run that differs is added whole.
 */
export const nextPiece = (textSoFar: string, item: StreamItem): string => {
  if (item._tag === "Accepted") return ""
  const whole = (text: string) => (text.startsWith(textSoFar) ? text.slice(textSoFar.length) : text)
  if (item._tag === "RunText") return whole(item.text)
  if (item.event._tag === "TextDelta") return item.event.text
  if (item.event._tag === "RunEnded") return whole(item.event.reply ?? "")
  if (item.event._tag === "MessageAdded" && item.event.message.role === "assistant")
    return whole(item.event.message.text)
  return ""
}

/** Turns a run into the pieces of its reply. Fails with `RunNotDone` if the run fails or is aborted. */
export const replyPieces = <E, R>(run: Stream.Stream<StreamItem, E, R>): Stream.Stream<string, E | RunNotDone, R> =>
  run.pipe(
    Stream.mapEffect((item) =>
      item._tag === "Event" && item.event._tag === "RunEnded" && item.event.outcome !== "done"
        ? Effect.fail(
            new RunNotDone({
              runId: item.event.runId,
              outcome: item.event.outcome,
              ...(item.event.error !== undefined && { error: item.event.error }),
            }),
          )
        : Effect.succeed(item),
    ),
    Stream.mapAccum(
      () => "",
      (textSoFar, item) => {
        const piece = nextPiece(textSoFar, item)
        return [textSoFar + piece, [piece]] as const
      },
    ),
    Stream.filter((piece) => piece !== ""),
  )
