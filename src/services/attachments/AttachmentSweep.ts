/**
 * Removes files that no message uses: after the deletion of a session, and after a crash between the write of a file and
 * its commit. OldTranscripts calls it after each deletion, and TurnRetention at the start and every ten minutes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Events } from "../events/Events.ts"
import { Tx } from "../storage/Tx.ts"
import { Attachments } from "./Attachments.ts"

/** The rows of one step. */
const STEP = 100

/** Drafts of this age are not being written any more. */
const DRAFT_MS = 3_600_000

/** Removes the files that no transcript uses. The row goes last, so that a crash in between repeats the removal. */
export const removeUnused = Effect.gen(function* () {
  const { remove } = yield* Attachments
  const events = yield* Events
  const unused = events.read(Effect.flatMap(Tx, ({ attachments }) => attachments.unused(STEP)))
  for (let isDone = false; !isDone;) {
    const removed = yield* remove(unused)
    isDone = removed.length < STEP
    if (removed.length === 0) continue
    const work = Effect.flatMap(Tx, ({ attachments }) =>
      Effect.map(attachments.forget(removed), (answer) => [answer, []] as const),
    )
    yield* events.commit(work)
  }
}).pipe(Effect.withSpan("AttachmentSweep.removeUnused"))

/** Removes the files that have no row. */
export const removeUnknown = Effect.gen(function* () {
  const { files, remove } = yield* Attachments
  const events = yield* Events
  const now = yield* Clock.currentTimeMillis
  for (const folder of yield* files.folders) {
    yield* files.removeDrafts(folder, now - DRAFT_MS)
    const ids = yield* files.idsIn(folder)
    for (let at = 0; at < ids.length; at += STEP) {
      const some = ids.slice(at, at + STEP)
      const known = events.read(Effect.flatMap(Tx, ({ attachments }) => attachments.known(some)))
      yield* remove(Effect.map(known, (rows) => some.filter((id) => !rows.includes(id))))
    }
  }
}).pipe(Effect.withSpan("AttachmentSweep.removeUnknown"))
