/**
 * Reads runs from storage: their state, and the events of an ended run. Runs uses it.
 */
import * as Effect from "effect/Effect"
import { RunNotFound } from "../../domain/Chat.ts"
import type { Positioned } from "../../domain/Event.ts"
import type { Run } from "../../domain/Run.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import type { TurnRow } from "../storage/TurnRow.ts"
import { Tx } from "../storage/Tx.ts"
import { runEnded, runFields } from "../transcript/Transcript.ts"

/** Returns the gateway's reply, or the agent's reply from the transcript. */
const replyOf = Effect.fnUntraced(function* ({ reply, runId, sessionKey, state }: TurnRow) {
  if (reply !== undefined || state !== "done") return reply
  const messages = yield* (yield* Tx).messages.ofRun(sessionKey, runId)
  return messages.findLast(({ role }) => role === "assistant")?.text
})

const toRun = (turn: TurnRow, reply: string | undefined): Run => {
  const { acceptedAt, attempt, endedAt, error, state, takenBy, usage } = turn
  return {
    ...runFields(turn),
    state,
    attempt,
    acceptedAt,
    ...(error !== undefined && { error }),
    ...(reply !== undefined && { reply }),
    ...(usage !== undefined && { usage }),
    ...(takenBy !== undefined && { takenBy }),
    ...(endedAt !== undefined && { endedAt }),
  }
}

const findTurn = Effect.fnUntraced(function* (
  runId: string,
): Effect.fn.Return<TurnRow, RunNotFound | StorageUnavailable, Tx> {
  return (yield* (yield* Tx).turns.get(runId)) ?? (yield* new RunNotFound({ runId }))
})

const find = Effect.fnUntraced(function* (runId: string): Effect.fn.Return<Run, RunNotFound | StorageUnavailable, Tx> {
  const turn = yield* findTurn(runId)
  return toRun(turn, yield* replyOf(turn))
})

export const make = Effect.map(Events, (events) => {
  /**
   * Returns the messages and the end of an ended run as events, or nothing if it is open. Their position is the newest
   * one, because no further event of the run follows.
   */
  const ended = Effect.fnUntraced(function* (
    runId: string,
  ): Effect.fn.Return<ReadonlyArray<Positioned>, StorageUnavailable, Tx> {
    const { messages, turns } = yield* Tx
    const { seq } = events.head()
    const turn = yield* turns.get(runId)
    if (turn === undefined || turn.state === "queued" || turn.state === "running") return []
    const { endedAt = turn.acceptedAt, sessionKey, state: outcome } = turn
    const added = (yield* messages.ofRun(sessionKey, runId)).map((message): Positioned => ({
      _tag: "Event",
      seq,
      at: message.at,
      event: { _tag: "MessageAdded", sessionKey, message },
    }))
    return [...added, { _tag: "Event", seq, at: endedAt, event: runEnded(turn, { ...turn, outcome }) }]
  })

  return {
    get: Effect.fn("Runs.get")((runId: string) => events.read(find(runId))),
    sender: Effect.fn("Runs.sender")((runId: string) =>
      Effect.map(events.read(findTurn(runId)), ({ principal }) => principal),
    ),
    eventsOf: (runId: string) => events.read(ended(runId)),
  }
})
