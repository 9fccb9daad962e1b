/**
 * Reads runs from storage: their state, and the events of an ended run. Runs uses it.
 */
import * as Effect from "effect/Effect"
import { RunNotFound } from "../../domain/Chat.ts"
import type { Positioned } from "../../domain/Event.ts"
import type { Run } from "../../domain/Run.ts"
import { Events } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"
import { runFields } from "../transcript/TranscriptWriter.ts"
import type { TurnRow } from "../transcript/TurnStore.ts"

export const make = Effect.gen(function* () {
  const events = yield* Events
  const sqlite = yield* Sqlite
  const { messages, turns } = yield* Transcript

  const read = <A>(query: () => A): Effect.Effect<A> => sqlite.withLock(Effect.sync(query))

  const replyOf = ({ reply, runId, sessionKey, state }: TurnRow): string | undefined =>
    reply ??
    (state === "done"
      ? messages.ofRun(sessionKey, runId).findLast(({ role }) => role === "assistant")?.text
      : undefined)

  const toRun = (turn: TurnRow): Run => {
    const { acceptedAt, attempt, endedAt, error, state, usage } = turn
    const reply = replyOf(turn)
    return {
      ...runFields(turn),
      state,
      attempt,
      acceptedAt,
      ...(error !== undefined && { error }),
      ...(reply !== undefined && { reply }),
      ...(usage !== undefined && { usage }),
      ...(endedAt !== undefined && { endedAt }),
    }
  }

  const get = Effect.fn("Runs.get")(function* (runId: string) {
    const run = yield* read(() => {
      const turn = turns.get(runId)
      return turn === undefined ? undefined : toRun(turn)
    })
    return run ?? (yield* new RunNotFound({ runId }))
  })

  /**
   * Returns the messages and the end of an ended run as events, or nothing if it is open. Their position is the newest
   * one, because no further event of the run follows.
   */
  const eventsOf = (runId: string): Effect.Effect<ReadonlyArray<Positioned>> =>
    read(() => {
      const { seq } = events.head()
      const turn = turns.get(runId)
      if (turn === undefined || turn.state === "queued" || turn.state === "running") return []
      const { endedAt = turn.acceptedAt, error, reply, sessionKey, state: outcome, usage } = turn
      const added = messages.ofRun(sessionKey, runId).map((message): Positioned => ({
        _tag: "Event",
        seq,
        at: message.at,
        event: { _tag: "MessageAdded", sessionKey, message },
      }))
      const facts = {
        ...(error !== undefined && { error }),
        ...(usage !== undefined && { usage }),
        ...(reply !== undefined && { reply }),
      }
      const event = { _tag: "RunEnded" as const, ...runFields(turn), outcome, ...facts }
      return [...added, { _tag: "Event", seq, at: endedAt, event }]
    })

  return { get, eventsOf, hasOpen: (sessionKey: string) => read(() => turns.open(sessionKey).length > 0) }
})
