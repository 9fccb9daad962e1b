/**
 * Writes the parts of a transcript change and returns the events that describe them. Transcript.ts combines these parts
 * into whole changes. All functions are synchronous and run inside a commit.
 */
import type { KeptEvent } from "../../domain/Event.ts"
import { isInHistory, type Message } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import type { messageStore, NewMessage } from "./MessageStore.ts"
import { preview, type NewSession, type sessionStore } from "./SessionStore.ts"
import type { Ending, TurnRow, turnStore } from "./TurnStore.ts"

/** The output of a run that the gateway has not written yet. */
export interface Output {
  readonly text: string
  readonly thinking: string
  /** The step of the reply: one more than the last step that was written. */
  readonly step: number
}

export const noOutput: Output = { text: "", thinking: "", step: 0 }

export interface Stores {
  readonly sessions: ReturnType<typeof sessionStore>
  readonly turns: ReturnType<typeof turnStore>
  readonly messages: ReturnType<typeof messageStore>
}

/** Returns the fields that identify a run in its events. */
export const runFields = ({ agentId, runId, sessionKey }: Pick<TurnRow, "runId" | "sessionKey" | "agentId">) => ({
  sessionKey,
  runId,
  agentId,
})

export const messageAdded = (message: Message | undefined): ReadonlyArray<KeptEvent> =>
  message === undefined ? [] : [{ _tag: "MessageAdded", sessionKey: message.sessionKey, message }]

export class TranscriptWriter {
  readonly #sessions: Stores["sessions"]
  readonly #turns: Stores["turns"]
  readonly #messages: Stores["messages"]

  constructor({ messages, sessions, turns }: Stores) {
    this.#sessions = sessions
    this.#turns = turns
    this.#messages = messages
  }

  /** Returns no event if the session does not exist. */
  sessionChanged(key: string): ReadonlyArray<KeptEvent> {
    const session = this.#sessions.get(key)
    return session === undefined ? [] : [{ _tag: "SessionChanged", session }]
  }

  /**
   * Makes a change to a session, and creates the session if necessary. `SessionOpened` comes before the events of the
   * change and shows the session after the change.
   */
  withSession(session: NewSession, change: () => ReadonlyArray<KeptEvent>): ReadonlyArray<KeptEvent> {
    if (this.#sessions.get(session.key) !== undefined) return [...change(), ...this.sessionChanged(session.key)]
    this.#sessions.insert(session)
    const events = change()
    return [{ _tag: "SessionOpened", session: this.#sessions.get(session.key)! }, ...events]
  }

  /** Adds a message and counts it. Returns `undefined` if the run has written this step before. */
  addMessage(message: NewMessage): Message | undefined {
    const added = this.#messages.insert(message)
    if (added !== undefined) {
      const isShown = added.role !== "tool" && added.summaryUpTo === undefined
      const lastMessage = isShown ? preview(added.text) : undefined
      const history = isInHistory(added) ? 1 : 0
      this.#sessions.addCounters(added.sessionKey, { messages: 1, history, lastMessage, usage: added.usage }, added.at)
    }
    return added
  }

  /** Removes the tool messages of an attempt. The user's message stays. */
  retract({ runId, sessionKey }: TurnRow, at: number): ReadonlyArray<KeptEvent> {
    const ids = this.#messages.retract(sessionKey, runId, 1)
    if (ids.length === 0) return []
    this.#sessions.addCounters(sessionKey, { messages: -ids.length, history: -ids.length }, at)
    return [{ _tag: "MessagesRemoved", sessionKey, ids, reason: "run-failed" }]
  }

  /** Ends the turn and writes its output. Skips the output if the session was removed. The caller adds SessionChanged. */
  endTurn(turn: TurnRow, ending: Ending, output: Output, at: number): ReadonlyArray<KeptEvent> {
    const written = this.#sessions.get(turn.sessionKey) === undefined ? [] : this.#writeOutput(turn, ending, output, at)
    return [...written, this.closeTurn(turn, ending, at)]
  }

  /** Ends the turn without a change of the transcript. */
  closeTurn(turn: TurnRow, ending: Ending, at: number): KeptEvent {
    this.#turns.end(turn.runId, ending, at)
    const { error, outcome, reply, usage } = ending
    return {
      _tag: "RunEnded",
      ...runFields(turn),
      outcome,
      ...(error !== undefined && { error }),
      ...(usage !== undefined && { usage }),
      ...(reply !== undefined && { reply }),
    }
  }

  /** Ends all open turns of the session as aborted, without a change of the transcript. */
  closeTurns(sessionKey: string, at: number): ReadonlyArray<KeptEvent> {
    return this.#turns.open(sessionKey).map((turn) => this.closeTurn(turn, { outcome: "aborted" }, at))
  }

  /** Writes the reply, or marks the user's message if there is no reply. */
  #writeOutput(turn: TurnRow, ending: Ending, output: Output, at: number): ReadonlyArray<KeptEvent> {
    const { error, outcome, usage } = ending
    const isUnanswered = outcome === "failed" || (outcome === "aborted" && turn.attempt === 0)
    const reply = isUnanswered ? undefined : this.#addReply(turn, ending, output, at)
    const retracted = outcome === "failed" ? this.retract(turn, at) : []
    const written = isUnanswered ? this.#markUserMessage(turn, error, at) : messageAdded(reply)
    // `addMessage` has counted the usage of a reply.
    const uncounted = reply === undefined ? usage : undefined
    this.#sessions.addCounters(turn.sessionKey, { messages: 0, history: 0, usage: uncounted }, at)
    return [...retracted, ...written]
  }

  /** Returns `undefined` if there is no output. */
  #addReply(turn: TurnRow, ending: Ending, { step, text, thinking }: Output, at: number): Message | undefined {
    if (text === "" && thinking === "") return undefined
    return this.addMessage({
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
  }

  /** Keeps the user's message of a turn without a reply, marked as failed or aborted. */
  #markUserMessage({ runId, sessionKey }: TurnRow, failed: RunError | undefined, at: number): ReadonlyArray<KeptEvent> {
    if (failed !== undefined && this.#messages.markFailed(sessionKey, runId, failed)) {
      this.#sessions.addCounters(sessionKey, { messages: 0, history: -1 }, at)
      return []
    }
    const mark = failed === undefined ? { aborted: true } : { failed }
    const text = this.#turns.textOf(runId)
    return messageAdded(this.addMessage({ sessionKey, runId, step: 0, role: "user", text, ...mark, at }))
  }
}
