/** The store of turns on SQLite. SqliteStores makes it of the statements of three tables. */
import type { Message } from "../../../domain/Message.ts"
import { type Counters, countersOf, inputFields, noCounters } from "../Columns.ts"
import type { NewSession } from "../SessionStore.ts"
import { interruptions, isCurrent, type LastWords, type NewTurn, type TurnInput, type TurnRow } from "../TurnRow.ts"
import type { Accept, Begin, TurnStore, TurnWritten } from "../TurnStore.ts"
import type { MessageRows } from "./MessageRows.ts"
import type { SessionRows } from "./SessionRows.ts"
import { step } from "./Step.ts"
import type { TurnRows } from "./TurnRows.ts"

const none: ReadonlyArray<number> = []

const nothing: TurnInput = { text: "", attachments: [] }

const addedBy = (message: Message | undefined): Counters => (message === undefined ? noCounters : countersOf(message))

export const turnSteps = (turns: TurnRows, sessions: SessionRows, messages: MessageRows): TurnStore => {
  const { idOf, insert } = messages

  const accept = (
    session: NewSession,
    turn: NewTurn,
    maxWaiting = Number.MAX_SAFE_INTEGER,
    mayBegin = false,
  ): Accept => {
    const { open, waiting } = turns.counts(session.key)
    const begins = mayBegin && open === 0
    const isAdded = waiting < maxWaiting && (begins ? turns.insertBegun(turn) : turns.insert(turn))
    const before = isAdded ? undefined : turns.get(turn.runId)
    if (before !== undefined) return { _tag: "Known", turn: before }
    if (!isAdded) return { _tag: "TooManyWait", waiting }
    if (begins) return beginAccepted(session, turn)
    const known = sessions.touch(session.key, turn.acceptedAt)
    return {
      _tag: "Accepted",
      session: known ?? sessions.insert(session),
      opened: known === undefined,
      begun: undefined,
    }
  }

  /** Adds the user's message of a turn that begins with its acceptance. */
  const beginAccepted = (newSession: NewSession, turn: NewTurn): Accept => {
    const { acceptedAt: at, runId, sessionKey } = turn
    const add = () => insert({ sessionKey, runId, step: 0, role: "user", ...inputFields(turn), at })
    const before = add()
    const known = sessions.count(sessionKey, addedBy(before), at)
    if (known === undefined) sessions.insert(newSession)
    const message = known === undefined ? add() : before
    const session = known ?? sessions.count(sessionKey, addedBy(message), at)!
    const messageId = message?.id ?? idOf(sessionKey, runId, 0)!
    return { _tag: "Accepted", session, opened: known === undefined, begun: { input: turn, message, messageId } }
  }

  const begin = (runId: string, maxCrashes: number, at: number): Begin => {
    const begun = turns.begin(runId, maxCrashes)
    if (begun === undefined) {
      const turn = turns.get(runId)
      if (turn === undefined || turn.endedAt !== undefined) return { _tag: "Over" }
      return { _tag: "TooManyCrashes", turn: { ...turn, crashes: interruptions(turn) } }
    }
    const { input, turn } = begun
    const { sessionKey } = turn
    const retracted = turn.attempt > 1 ? messages.retract(sessionKey, runId) : none
    const message = insert({ sessionKey, runId, step: 0, role: "user", ...inputFields(input), at })
    const counters = addedBy(message)
    const removed = retracted.length
    const { history, messages: added } = counters
    const session = sessions.count(
      sessionKey,
      { ...counters, messages: added - removed, history: history - removed },
      at,
    )
    const messageId = message?.id ?? idOf(sessionKey, runId, 0)
    return { _tag: "Begun", turn, input, session, message, messageId, retracted }
  }

  /** Marks the user's message, or adds it with the mark. `history`: the change of that counter. */
  const mark = (turn: TurnRow, input: TurnInput, { failed, aborted }: NonNullable<LastWords["mark"]>, at: number) => {
    const { runId, sessionKey } = turn
    if (failed !== undefined && messages.markFailed(sessionKey, runId, failed)) {
      return { message: undefined, counters: { messages: 0, history: -1 } }
    }
    const marks = { ...(failed !== undefined && { failed }), ...(aborted === true && { aborted }) }
    const message = insert({ sessionKey, runId, step: 0, role: "user", ...inputFields(input), ...marks, at })
    return { message, counters: addedBy(message) }
  }

  const reply = (turn: TurnRow, { step, ...rest }: NonNullable<LastWords["reply"]>, at: number) => {
    const { runId, sessionKey, usage } = turn
    const withUsage = usage !== undefined && { usage }
    const message = insert({ sessionKey, runId, step, role: "assistant", ...rest, ...withUsage, at })
    return { message, counters: addedBy(message) }
  }

  return {
    get: (runId) => step(() => turns.get(runId)),
    known: (runId) => step(() => turns.get(runId)),
    open: (sessionKey) => step(() => turns.open(sessionKey)),
    accept: (session, turn, maxWaiting, mayBegin) => step(() => accept(session, turn, maxWaiting, mayBegin)),
    answer: (turn, text) =>
      step(() => {
        if (!turns.insertAnswered(turn, text)) throw new Error(`the run ${turn.runId} exists`)
        return turns.get(turn.runId)!
      }),
    begin: (runId, maxCrashes, at) => step(() => begin(runId, maxCrashes, at)),
    tool: ({ attempt, runId }, index, tool, at, attachments = []) =>
      step((): TurnWritten | undefined => {
        const turn = turns.get(runId)
        if (!isCurrent(turn, attempt)) return undefined
        const { sessionKey } = turn
        const message = insert({
          sessionKey,
          runId,
          step: index,
          role: "tool",
          ...inputFields({ text: tool.output, attachments }),
          tool,
          at,
        })
        const session =
          message === undefined ? sessions.get(sessionKey) : sessions.count(sessionKey, countersOf(message), at)
        return { turn, session, message, retracted: none }
      }),
    end: (of, ending, words, at) =>
      step((): TurnWritten | undefined => {
        // The end drops the input, so this reads it before.
        const input = words.mark === undefined ? nothing : turns.inputOf(of.runId)
        const turn = turns.end(of, ending, at)
        if (turn === undefined) return undefined
        const { sessionKey } = turn
        const retracted = words.retract ? messages.retract(sessionKey, of.runId) : none
        const { counters, message } =
          words.mark !== undefined
            ? mark(turn, input, words.mark, at)
            : words.reply !== undefined
              ? reply(turn, words.reply, at)
              : { counters: noCounters, message: undefined }
        const removed = retracted.length
        const changes = {
          ...counters,
          messages: counters.messages - removed,
          history: counters.history - removed,
          usage: ending.usage,
        }
        return { turn, session: sessions.count(sessionKey, changes, at), message, retracted }
      }),
    taken: (runId) => step(() => turns.taken(runId)),
    handOver: step(turns.handOver),
    forget: (before, limit) => step(() => turns.forget(before, limit)),
    recover: step(turns.recover),
  }
}
