/**
 * The changes that can happen to a session's turns and messages. Each change writes its rows and returns the events that
 * describe it. All functions are synchronous: call them inside `Events.commit` or `Events.transact`. A turn ends once: a
 * second end changes nothing. Runs, Sessions and the services beside them use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent } from "../../domain/Event.ts"
import type { Message, ToolCall, Usage } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import { isAsExpected, type Session, type SessionExpectation } from "../../domain/Session.ts"
import type { Change } from "../events/Events.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { messageStore, type NewMessage } from "./MessageStore.ts"
import { type NewSession, sessionStore, type SessionSettings } from "./SessionStore.ts"
import { messageAdded, noOutput, type Output, runFields, type Stores, TranscriptWriter } from "./TranscriptWriter.ts"
import { type Ending, type NewTurn, type TurnRow, turnStore } from "./TurnStore.ts"

/** The messages of the history that a run receives, besides a summary. */
const HISTORY_MESSAGES = 200

/** The characters of that history: more than models accept, and few enough to block the event loop briefly. */
const HISTORY_CHARS = 4_194_304

/** A turn at the start of an attempt, with the input of its run. */
export interface StartedTurn {
  readonly turn: TurnRow
  readonly text: string
  /** Undefined if another program has removed it. */
  readonly session: Session | undefined
  readonly history: ReadonlyArray<Message>
}

/** A summary that a runtime has made of the older messages of a session. */
export interface Summary {
  readonly text: string
  /** The id of the newest message that it replaces in the history. */
  readonly upTo: number
  /** The tokens that it cost, unless they count to a run. */
  readonly usage?: Usage | undefined
}

export class Transcript extends Context.Service<Transcript, ReturnType<typeof make>>()(
  "causeway/services/transcript/Transcript",
) {
  static readonly layer: Layer.Layer<Transcript, never, Sqlite> = Layer.effect(
    Transcript,
    Effect.map(Sqlite, ({ db }) => {
      const transcript = make(db)
      transcript.turns.requeue()
      return transcript
    }),
  )
}

const make = (db: DatabaseSync) => {
  const stores: Stores = { sessions: sessionStore(db), turns: turnStore(db), messages: messageStore(db) }
  const writer = new TranscriptWriter(stores)
  return { ...stores, ...turnChanges(stores, writer), ...sessionChanges(stores, writer) }
}

/** The changes of one turn. */
const turnChanges = ({ messages, sessions, turns }: Stores, writer: TranscriptWriter) => {
  const stillOpen = (runId: string): TurnRow | undefined => {
    const turn = turns.get(runId)
    return turn === undefined || turn.endedAt !== undefined ? undefined : turn
  }

  const failCrashed = (turn: TurnRow, at: number): ReadonlyArray<KeptEvent> => {
    const message = `The gateway crashed ${turn.crashes} times during this run.`
    const ending: Ending = { outcome: "failed", error: { reason: "interrupted", message } }
    return [...writer.endTurn(turn, ending, noOutput, at), ...writer.sessionChanged(turn.sessionKey)]
  }

  return {
    /** Returns `undefined` if the turn has ended or does not exist. */
    stillOpen,

    /** Stores a turn, and creates its session if necessary. */
    accept: (session: NewSession, turn: NewTurn): ReadonlyArray<KeptEvent> =>
      writer.withSession(session, () => {
        turns.insert(turn)
        sessions.addCounters(turn.sessionKey, { messages: 0, history: 0 }, turn.acceptedAt)
        return [{ _tag: "RunAccepted", ...runFields(turn) }]
      }),

    /** Stores a turn to which the gateway itself replies. It does not change the session, which need not exist. */
    answer: (turn: NewTurn, reply: string, at: number): ReadonlyArray<KeptEvent> => {
      turns.insert(turn)
      turns.start(turn.runId)
      const started = turns.get(turn.runId)!
      return [
        { _tag: "RunAccepted", ...runFields(turn) },
        { _tag: "RunStarted", ...runFields(turn), attempt: started.attempt },
        writer.closeTurn(started, { outcome: "done", reply }, at),
      ]
    },

    /**
     * Starts an attempt. Returns `undefined` if the turn has ended, or if crashes interrupted it `attempts` times; then
     * this ends it.
     */
    start: (runId: string, attempts: number, at: number): Change<StartedTurn | undefined> => {
      const waiting = stillOpen(runId)
      if (waiting === undefined) return [undefined, []]
      if (waiting.crashes >= attempts) return [undefined, failCrashed(waiting, at)]
      turns.start(runId)
      const turn = turns.get(runId)!
      // An interrupted attempt may have written tool messages. Its events stay in the log.
      const retracted = turn.attempt > 1 ? writer.retract(turn, at) : []
      const { sessionKey } = turn
      const text = turns.textOf(runId)
      const added = writer.addMessage({ sessionKey, runId, step: 0, role: "user", text, at })
      const own = messages.ofRun(sessionKey, runId)[0]
      const before = own?.id ?? Number.MAX_SAFE_INTEGER
      const history = messages.history(sessionKey, before, HISTORY_MESSAGES, HISTORY_CHARS)
      const session = sessions.get(sessionKey)
      const events: ReadonlyArray<KeptEvent> = [
        ...retracted,
        ...messageAdded(added),
        { _tag: "RunStarted", ...runFields(turn), attempt: turn.attempt },
        ...writer.sessionChanged(sessionKey),
      ]
      return [{ turn, text, session, history }, events]
    },

    /** Returns false if the turn has ended; the run should stop. */
    toolStarted: (runId: string, call: Pick<ToolCall, "callId" | "name" | "input">): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      return [true, [{ _tag: "ToolStarted", ...runFields(turn), ...call }]]
    },

    /** Writes the tool's message. Returns false if the turn has ended; the run should stop. */
    toolEnded: (runId: string, step: number, tool: ToolCall, at: number): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      const { sessionKey } = turn
      const message = writer.addMessage({ sessionKey, runId, step, role: "tool", text: tool.output, tool, at })
      const events: ReadonlyArray<KeptEvent> = [
        { _tag: "ToolEnded", ...runFields(turn), ...tool },
        ...messageAdded(message),
        ...writer.sessionChanged(sessionKey),
      ]
      return [true, events]
    },

    /** Ends the turn. Returns false if it had ended before. */
    end: (runId: string, ending: Ending, output: Output, at: number): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      return [true, [...writer.endTurn(turn, ending, output, at), ...writer.sessionChanged(turn.sessionKey)]]
    },

    /**
     * Aborts one open turn, or all of the session, and returns their run ids. `outputOf` returns the output of a running
     * turn. `error` is the reason if no client requested the abort.
     */
    abort: (
      sessionKey: string,
      runId: string | undefined,
      outputOf: (runId: string) => (Output & Pick<Ending, "usage">) | undefined,
      at: number,
      error?: RunError,
    ): Change<ReadonlyArray<string>> => {
      const aborted = turns.open(sessionKey).filter((turn) => runId === undefined || turn.runId === runId)
      if (aborted.length === 0) return [[], []]
      const events = aborted.flatMap((turn) => {
        const output = outputOf(turn.runId)
        return writer.endTurn(turn, { outcome: "aborted", error, usage: output?.usage }, output ?? noOutput, at)
      })
      return [aborted.map((turn) => turn.runId), [...events, ...writer.sessionChanged(sessionKey)]]
    },
  }
}

/** The changes of a whole session. */
const sessionChanges = ({ messages, sessions, turns }: Stores, writer: TranscriptWriter) => ({
  /** Returns whether the session is as the client expects it, or true without an expectation. */
  isExpected: (key: string, expected: SessionExpectation | undefined): boolean =>
    expected === undefined || isAsExpected(expected, sessions.get(key), () => messages.newestId(key)),

  open: (session: NewSession): Change<Session> => {
    const events = writer.withSession(session, () => [])
    return [sessions.get(session.key)!, events]
  },

  update: (key: string, settings: SessionSettings, at: number): Change<Session> => {
    sessions.update(key, settings, at)
    return [sessions.get(key)!, writer.sessionChanged(key)]
  },

  /** Adds a message without a run, and creates the session if necessary. */
  inject: (session: NewSession, message: Omit<NewMessage, "step">): Change<Message> => {
    let added: Message | undefined
    const events = writer.withSession(session, () => messageAdded((added = writer.addMessage({ ...message, step: 0 }))))
    return [added!, events]
  },

  /** Returns the history that a run would receive now. Messages of open runs are not part of it. */
  history: (key: string): ReadonlyArray<Message> => {
    const open = turns.firstOpen(key)
    const own = open === undefined ? undefined : messages.ofRun(key, open.runId)[0]
    return messages.history(key, own?.id ?? Number.MAX_SAFE_INTEGER, HISTORY_MESSAGES, HISTORY_CHARS)
  },

  /**
   * Adds a summary of the messages up to `upTo`, which replaces them in the history. Returns `undefined` if the session no
   * longer has that message, or if another summary replaces it already.
   */
  summarize: (key: string, { text, upTo, usage }: Summary, at: number): Change<Message | undefined> => {
    const known = messages.newestSummary(key, Number.MAX_SAFE_INTEGER)?.summaryUpTo ?? 0
    if (known >= upTo || !messages.has(key, upTo)) return [undefined, []]
    const message = { sessionKey: key, runId: null, step: 0, role: "system" as const, text, summaryUpTo: upTo, at }
    const added = writer.addMessage({ ...message, ...(usage !== undefined && { usage }) })
    return [added, [...messageAdded(added), ...writer.sessionChanged(key)]]
  },

  /**
   * Empties a session after `removeMessages` in the same transaction. It aborts the open turns and drops their later
   * output.
   */
  clear: (key: string, at: number): ReadonlyArray<KeptEvent> => {
    const ended = writer.closeTurns(key, at)
    sessions.empty(key, at)
    return [
      ...ended,
      { _tag: "MessagesRemoved", sessionKey: key, ids: [], reason: "reset" },
      ...writer.sessionChanged(key),
    ]
  },

  /** Removes a session after `removeMessages` in the same transaction. It aborts the open turns. */
  remove: (key: string, at: number): ReadonlyArray<KeptEvent> => {
    const ended = writer.closeTurns(key, at)
    sessions.remove(key)
    return [...ended, { _tag: "SessionClosed", sessionKey: key }]
  },
})
