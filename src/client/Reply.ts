/**
 * Reply: from the events of one run to the pieces of its text, in order and without repetition. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { StreamItem } from "../domain/Chat.ts"
import { RunError } from "../domain/RunError.ts"

/** The run ended without a reply. */
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

/** What the item adds to what was said. A text that replaces the one so far adds the part that is new. */
export const nextPiece = (said: string, item: StreamItem): string => {
  if (item._tag === "Accepted") return ""
  const whole = (text: string) => (text.startsWith(said) ? text.slice(said.length) : text)
  if (item._tag === "RunText") return whole(item.text)
  if (item.event._tag === "TextDelta") return item.event.text
  if (item.event._tag === "RunEnded") return whole(item.event.reply ?? "")
  if (item.event._tag === "MessageAdded" && item.event.message.role === "assistant")
    return whole(item.event.message.text)
  return ""
}

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
      (said, item) => {
        const piece = nextPiece(said, item)
        return [said + piece, [piece]] as const
      },
    ),
    Stream.filter((piece) => piece !== ""),
  )
