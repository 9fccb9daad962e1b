/**
 * Deletes the messages of transcripts that a reset or the removal of a session has left behind, in small steps between
 * other commits, and then the files that only they had. Gateway.ts starts it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Attachments } from "../attachments/Attachments.ts"
import * as AttachmentSweep from "../attachments/AttachmentSweep.ts"
import { Events } from "../events/Events.ts"
import { removeInSteps } from "../events/Retention.ts"

export const layer: Layer.Layer<never, never, Attachments | Events> = Layer.effectDiscard(
  Effect.gen(function* () {
    const events = yield* Events
    // One waiting signal is enough for any number of transcripts.
    const signals = yield* Queue.sliding<void>(1)
    yield* events.onEvent(({ event }) => {
      const isLeft = event._tag === "SessionClosed" || (event._tag === "MessagesRemoved" && event.reason === "reset")
      if (isLeft) Queue.offerUnsafe(signals, undefined)
    })
    const deleteMessages = removeInSteps(({ messages }, limit) => messages.removeSome(limit))
    const deleteAll = Effect.andThen(deleteMessages, AttachmentSweep.removeUnused).pipe(
      Effect.catch((error) => Effect.logWarning("Cannot delete old messages. The next reset tries again", error)),
      Effect.withSpan("OldTranscripts.deleteAll"),
    )
    // A stop may have interrupted the deletion.
    yield* Effect.forkScoped(Effect.andThen(deleteAll, Effect.forever(Effect.andThen(Queue.take(signals), deleteAll))))
  }),
)
