/**
 * Transcript: what can happen to a session, each as one change: the rows that it writes and the events that tell of it.
 * Synchronous, for use inside Events.commit or transact. It knows neither runtimes nor actors, and it is where a turn
 * ends exactly once: a second end finds the turn ended and changes nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent } from "../../domain/Event.ts"
import { isInHistory, type Message, type ToolCall } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import { isAsExpected, type Session, type SessionExpectation } from "../../domain/Session.ts"
import type { Change } from "../events/Events.ts"
import { messageStore, type NewMessage } from "./MessageStore.ts"
import { preview, type NewSession, sessionStore, type SessionSettings } from "./SessionStore.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { type Ending, type NewTurn, type TurnRow, turnStore } from "./TurnStore.ts"

/** How many messages of its conversation a run is told. */
const HISTORY = 200

/** And how many characters: more than a model takes, and what the event loop may wait for. */
const HISTORY_CHARS = 4_194_304

/** What a run has said when it ends. */
export interface Output {
  readonly text: string
  readonly thinking: string
  /** The step after the last one written. */
  readonly step: number
}

export const noOutput: Output = { text: "", thinking: "", step: 0 }

/** A turn at its beginning, with what was said before it. */
export interface StartedTurn {
  readonly turn: TurnRow
  readonly text: string
  /** The session's own choice; null: the agent's. */
  readonly model: string | null
  readonly history: ReadonlyArray<Message>
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
  const sessions = sessionStore(db)
  const turns = turnStore(db)
  const messages = messageStore(db)

  const ofRun = ({ agentId, runId, sessionKey }: Pick<TurnRow, "runId" | "sessionKey" | "agentId">) => ({
    sessionKey,
    runId,
    agentId,
  })

  const changed = (key: string): ReadonlyArray<KeptEvent> => {
    const session = sessions.get(key)
    return session === undefined ? [] : [{ _tag: "SessionChanged", session }]
  }

  /** Opened if it was not there: the event of that must come first, but tell what the session is after the change. */
  const withSession = (session: NewSession, change: () => ReadonlyArray<KeptEvent>): ReadonlyArray<KeptEvent> => {
    if (sessions.get(session.key) !== undefined) return [...change(), ...changed(session.key)]
    sessions.insert(session)
    const events = change()
    return [{ _tag: "SessionOpened", session: sessions.get(session.key)! }, ...events]
  }

  /** Undefined if the step was written before. */
  const add = (message: NewMessage): Message | undefined => {
    const added = messages.insert(message)
    if (added !== undefined) {
      const lastMessage = added.role === "tool" ? undefined : preview(added.text)
      const history = isInHistory(added) ? 1 : 0
      sessions.grow(added.sessionKey, { messages: 1, history, lastMessage, usage: added.usage }, added.at)
    }
    return added
  }

  const told = (message: Message | undefined): ReadonlyArray<KeptEvent> =>
    message === undefined ? [] : [{ _tag: "MessageAdded", sessionKey: message.sessionKey, message }]

  /** Removes what the tools of an attempt have written. What its user said stays. */
  const takeBack = ({ runId, sessionKey }: TurnRow, at: number): ReadonlyArray<KeptEvent> => {
    const ids = messages.takeBack(sessionKey, runId, 1)
    if (ids.length === 0) return []
    sessions.grow(sessionKey, { messages: -ids.length, history: -ids.length }, at)
    return [{ _tag: "MessagesRemoved", sessionKey, ids, reason: "run-failed" }]
  }

  /** Keeps what the user said of a turn that ends without a reply, with the reason as its mark. */
  const keep = ({ runId, sessionKey }: TurnRow, failed: RunError | undefined, at: number): ReadonlyArray<KeptEvent> => {
    if (failed !== undefined && messages.fail(sessionKey, runId, failed)) {
      sessions.grow(sessionKey, { messages: 0, history: -1 }, at)
      return []
    }
    const mark = failed === undefined ? { aborted: true } : { failed }
    return told(add({ sessionKey, runId, step: 0, role: "user", text: turns.textOf(runId), ...mark, at }))
  }

  const lastMessage = (turn: TurnRow, ending: Ending, { step, text, thinking }: Output, at: number) =>
    text === "" && thinking === ""
      ? undefined
      : add({
          sessionKey: turn.sessionKey,
          runId: turn.runId,
          step,
          role: "assistant",
          text,
          ...(thinking !== "" && { thinking }),
          ...(ending.usage !== undefined && { usage: ending.usage }),
          ...(ending.outcome === "aborted" && { aborted: true }),
          at,
        })

  /** Ends the turn, and leaves the transcript as it is. */
  const close = (turn: TurnRow, ending: Ending, at: number): KeptEvent => {
    turns.end(turn.runId, ending, at)
    const { error, outcome, reply, usage } = ending
    return {
      _tag: "RunEnded",
      ...ofRun(turn),
      outcome,
      ...(error !== undefined && { error }),
      ...(usage !== undefined && { usage }),
      ...(reply !== undefined && { reply }),
    }
  }

  /** Writes what is left of a run at its end: its last words, or what its user said. */
  const leave = (turn: TurnRow, ending: Ending, words: Output, at: number): ReadonlyArray<KeptEvent> => {
    const { error, outcome, usage } = ending
    const isUnanswered = outcome === "failed" || (outcome === "aborted" && turn.attempt === 0)
    const message = isUnanswered ? undefined : lastMessage(turn, ending, words, at)
    const undone = outcome === "failed" ? takeBack(turn, at) : []
    const kept = isUnanswered ? keep(turn, error, at) : told(message)
    // A message brings its usage with it.
    const spent = message === undefined ? usage : undefined
    sessions.grow(turn.sessionKey, { messages: 0, history: 0, usage: spent }, at)
    return [...undone, ...kept]
  }

  /** Without the SessionChanged that belongs after it. What a run says after its session was removed goes nowhere. */
  const finish = (turn: TurnRow, ending: Ending, words: Output, at: number): ReadonlyArray<KeptEvent> => {
    const left = sessions.get(turn.sessionKey) === undefined ? [] : leave(turn, ending, words, at)
    return [...left, close(turn, ending, at)]
  }

  const stillOpen = (runId: string): TurnRow | undefined => {
    const turn = turns.get(runId)
    return turn === undefined || turn.endedAt !== undefined ? undefined : turn
  }

  const closeAll = (sessionKey: string, at: number): ReadonlyArray<KeptEvent> =>
    turns.open(sessionKey).map((turn) => close(turn, { outcome: "aborted" }, at))

  return {
    sessions,
    turns,
    messages,
    stillOpen,

    /** Whether the session is as a client expects it; one that expects nothing is content. */
    isExpected: (key: string, expected: SessionExpectation | undefined): boolean =>
      expected === undefined || isAsExpected(expected, sessions.get(key), () => messages.newestId(key)),

    open: (session: NewSession): Change<Session> => {
      const events = withSession(session, () => [])
      return [sessions.get(session.key)!, events]
    },

    set: (key: string, settings: SessionSettings, at: number): Change<Session> => {
      sessions.set(key, settings, at)
      return [sessions.get(key)!, changed(key)]
    },

    accept: (session: NewSession, turn: NewTurn): ReadonlyArray<KeptEvent> =>
      withSession(session, () => {
        turns.insert(turn)
        sessions.grow(turn.sessionKey, { messages: 0, history: 0 }, turn.acceptedAt)
        return [{ _tag: "RunAccepted", ...ofRun(turn) }]
      }),

    /** A turn that the gateway itself has answered. Its session is as it was, and need not exist. */
    answer: (turn: NewTurn, reply: string, at: number): ReadonlyArray<KeptEvent> => {
      turns.insert(turn)
      turns.begin(turn.runId)
      const begun = turns.get(turn.runId)!
      return [
        { _tag: "RunAccepted", ...ofRun(turn) },
        { _tag: "RunStarted", ...ofRun(turn), attempt: begun.attempt },
        close(begun, { outcome: "done", reply }, at),
      ]
    },

    /** Undefined: it has ended, by an abort or because crashes have cut it off too often. */
    begin: (runId: string, attempts: number, at: number): Change<StartedTurn | undefined> => {
      const before = stillOpen(runId)
      if (before === undefined) return [undefined, []]
      if (before.crashes >= attempts) {
        const message = `${before.crashes} crashes of the gateway have cut the run off`
        const ending: Ending = { outcome: "failed", error: { reason: "interrupted", message } }
        return [undefined, [...finish(before, ending, noOutput, at), ...changed(before.sessionKey)]]
      }
      turns.begin(runId)
      const turn = turns.get(runId)!
      // What an attempt wrote that was cut off is not what this one will say; what it did stays in the event log.
      const undone = turn.attempt > 1 ? takeBack(turn, at) : []
      const { sessionKey } = turn
      const text = turns.textOf(runId)
      const written = add({ sessionKey, runId, step: 0, role: "user", text, at })
      const own = messages.ofRun(sessionKey, runId)[0]
      const history = messages.history(sessionKey, own?.id ?? Number.MAX_SAFE_INTEGER, HISTORY, HISTORY_CHARS)
      const events: ReadonlyArray<KeptEvent> = [
        ...undone,
        ...told(written),
        { _tag: "RunStarted", ...ofRun(turn), attempt: turn.attempt },
        ...changed(sessionKey),
      ]
      return [{ turn, text, model: sessions.get(sessionKey)?.model ?? null, history }, events]
    },

    /** False: the run is over, so it should stop. */
    toolStarted: (runId: string, call: Pick<ToolCall, "callId" | "name" | "input">): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      return [true, [{ _tag: "ToolStarted", ...ofRun(turn), ...call }]]
    },

    toolEnded: (runId: string, step: number, tool: ToolCall, at: number): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      const { sessionKey } = turn
      const message = add({ sessionKey, runId, step, role: "tool", text: tool.output, tool, at })
      return [true, [{ _tag: "ToolEnded", ...ofRun(turn), ...tool }, ...told(message), ...changed(sessionKey)]]
    },

    end: (runId: string, ending: Ending, words: Output, at: number): Change<boolean> => {
      const turn = stillOpen(runId)
      if (turn === undefined) return [false, []]
      return [true, [...finish(turn, ending, words, at), ...changed(turn.sessionKey)]]
    },

    /**
     * Ends one open turn, or all of the session. `wordsOf` tells what a running one has said so far, `error` why it ends
     * where nobody has asked for it.
     */
    abort: (
      sessionKey: string,
      runId: string | undefined,
      wordsOf: (runId: string) => (Output & Pick<Ending, "usage">) | undefined,
      at: number,
      error?: RunError,
    ): Change<ReadonlyArray<string>> => {
      const aborted = turns.open(sessionKey).filter((turn) => runId === undefined || turn.runId === runId)
      const events = aborted.flatMap((turn) => {
        const words = wordsOf(turn.runId)
        return finish(turn, { outcome: "aborted", error, usage: words?.usage }, words ?? noOutput, at)
      })
      return [aborted.map((turn) => turn.runId), events.length === 0 ? [] : [...events, ...changed(sessionKey)]]
    },

    inject: (session: NewSession, message: Omit<NewMessage, "step">): Change<Message> => {
      let added: Message | undefined
      const events = withSession(session, () => told((added = add({ ...message, step: 0 }))))
      return [added!, events]
    },

    /**
     * Empties a session whose messages have been removed before, in the same transaction. Turns that are still open end
     * as aborted, and what they say from now on is lost.
     */
    clear: (key: string, at: number): ReadonlyArray<KeptEvent> => {
      const ended = closeAll(key, at)
      sessions.empty(key, at)
      return [...ended, { _tag: "MessagesRemoved", sessionKey: key, ids: [], reason: "reset" }, ...changed(key)]
    },

    /** As `clear`, and the session is gone. */
    remove: (key: string, at: number): ReadonlyArray<KeptEvent> => {
      const ended = closeAll(key, at)
      sessions.remove(key)
      return [...ended, { _tag: "SessionClosed", sessionKey: key }]
    },
  }
}
