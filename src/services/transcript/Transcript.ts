/**
 * The changes that can happen to a session's turns and messages, as parts of works for `Events.commit`. Each change writes
 * its rows through `Tx` and returns the events that describe it. A turn ends once: a second end changes nothing, and
 * neither does a write for an older attempt. Runs, Sessions and the services beside them use it.
 */
import * as Effect from "effect/Effect"
import { hash } from "node:crypto"
import type { Attachment } from "../../domain/Attachment.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import type { Message, ToolCall } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import { isAsExpected, type Session, type SessionExpectation } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { InjectedMessage, Summary } from "../storage/MessageStore.ts"
import type { Emptied, NewSession, SessionSettings } from "../storage/SessionStore.ts"
import {
  type AttemptOf,
  type Ending,
  isCurrent,
  type LastWords,
  type NewTurn,
  type TurnInput,
  type TurnRow,
} from "../storage/TurnRow.ts"
import type { Accept, TurnWritten } from "../storage/TurnStore.ts"
import { type Change, Tx, type Work } from "../storage/Tx.ts"

/** The messages of the history that a run receives, besides a summary. */
const HISTORY_MESSAGES = 200

/** The characters of that history: more than models accept, and few enough to block the event loop briefly. */
const HISTORY_CHARS = 4_194_304

/** After every message. */
const END = Number.MAX_SAFE_INTEGER

/** A turn at the start of an attempt, with the input of its run. */
export interface StartedTurn {
  readonly turn: TurnRow
  readonly input: TurnInput
  /** Undefined if another program has removed it. */
  readonly session: Session | undefined
  /** The history of the run ends before the message with this id. */
  readonly before: number
}

/** The output of a run that the gateway has not written yet. */
export interface Output {
  readonly text: string
  readonly thinking: string
  /** The files of the reply. */
  readonly attachments: ReadonlyArray<Attachment>
  /** The step of the reply: one more than the last step that was written. */
  readonly step: number
}

export const noOutput: Output = { text: "", thinking: "", attachments: [], step: 0 }

/** Returns the fields that identify a run in its events. */
export const runFields = ({ agentId, runId, sessionKey }: Pick<TurnRow, "runId" | "sessionKey" | "agentId">) => ({
  sessionKey,
  runId,
  agentId,
})

/** Returns the digest of a message, which recognizes a repeated send. */
export const digestOf = ({ attachments, text }: TurnInput): string => {
  const files = attachments.map(({ id, name }) => [id, name])
  return hash("sha256", files.length === 0 ? text : JSON.stringify([text, files]), "base64url")
}

type Part<A> = Effect.Effect<A, StorageUnavailable, Tx>
type Kept = ReadonlyArray<KeptEvent>

const nothing: Kept = []

export const sessionChanged = (session: Session | undefined): Kept =>
  session === undefined ? nothing : [{ _tag: "SessionChanged", session }]

const messageAdded = (message: Message | undefined): Kept =>
  message === undefined ? nothing : [{ _tag: "MessageAdded", sessionKey: message.sessionKey, message }]

/** `SessionOpened` comes before the events of the change and shows the session after the change. */
const inSession = ({ opened, session }: { readonly session: Session; readonly opened: boolean }, events: Kept): Kept =>
  opened ? [{ _tag: "SessionOpened", session }, ...events] : [...events, { _tag: "SessionChanged", session }]

/** Returns the events of the messages that a turn has removed and added. */
const messagesChanged = ({ message, retracted, turn: { sessionKey } }: TurnWritten): Kept =>
  retracted.length === 0
    ? messageAdded(message)
    : [{ _tag: "MessagesRemoved", sessionKey, ids: retracted, reason: "run-failed" }, ...messageAdded(message)]

/** Returns the event of the turn's end. */
export const runEnded = (turn: TurnRow, { error, outcome, reply, takenBy, usage }: Ending): KeptEvent => ({
  _tag: "RunEnded",
  ...runFields(turn),
  outcome,
  ...(error !== undefined && { error }),
  ...(usage !== undefined && { usage }),
  ...(reply !== undefined && { reply }),
  ...(takenBy !== undefined && { takenBy }),
})

/** Returns the events of a turn that is accepted, and begun if its session was idle. */
const acceptedEvents = (turn: NewTurn, row: Extract<Accept, { readonly _tag: "Accepted" }>): Kept => {
  const accepted: KeptEvent = { _tag: "RunAccepted", ...runFields(turn) }
  if (row.begun === undefined) return inSession(row, [accepted])
  const started: KeptEvent = { _tag: "RunStarted", ...runFields(turn), attempt: 1 }
  return inSession(row, [accepted, ...messageAdded(row.begun.message), started])
}

/** Stores a turn with the use of its files, and creates its session if necessary. See `TurnStore.accept`. */
export const accept = (session: NewSession, turn: NewTurn, maxWaiting?: number, mayBegin = false): Work<Accept> =>
  Effect.flatMap(Tx, ({ attachments, turns }) => {
    const accepted = Effect.map(turns.accept(session, turn, maxWaiting, mayBegin), (row): Change<Accept> =>
      row._tag === "Accepted" ? [row, acceptedEvents(turn, row)] : [row, nothing],
    )
    if (turn.attachments.length === 0) return accepted
    return Effect.tap(accepted, ([{ _tag }]) =>
      _tag === "Accepted" ? attachments.keep(turn.sessionKey, turn.attachments, turn.acceptedAt) : Effect.void,
    )
  })

/** Stores a turn to which the gateway itself replies. It does not change the session, which need not exist. */
export const answer = (turn: NewTurn, reply: string): Part<Kept> =>
  Effect.flatMap(Tx, ({ turns }) =>
    Effect.map(turns.answer(turn, reply), (row) => [
      { _tag: "RunAccepted", ...runFields(row) },
      { _tag: "RunStarted", ...runFields(row), attempt: row.attempt },
      runEnded(row, { outcome: "done", reply }),
    ]),
  )

/**
 * Starts an attempt. Returns `undefined` if the turn has ended, or if crashes interrupted it `attempts` times; then this
 * ends it.
 */
export const start = Effect.fnUntraced(function* (
  runId: string,
  attempts: number,
  at: number,
): Effect.fn.Return<Change<StartedTurn | undefined>, StorageUnavailable, Tx> {
  const { turns } = yield* Tx
  const begun = yield* turns.begin(runId, attempts, at)
  switch (begun._tag) {
    case "Over":
      return [undefined, nothing]
    case "TooManyCrashes": {
      const message = `The gateway crashed ${begun.turn.crashes} times during this run.`
      const ending: Ending = { outcome: "failed", error: { reason: "interrupted", message } }
      const [, events] = yield* end(begun.turn, ending, noOutput, at)
      return [undefined, events]
    }
    case "Begun": {
      const { input, messageId: before = END, session, turn } = begun
      const started: KeptEvent = { _tag: "RunStarted", ...runFields(turn), attempt: turn.attempt }
      return [{ turn, input, session, before }, [...messagesChanged(begun), started, ...sessionChanged(session)]]
    }
  }
})

/** Returns false if the attempt is over; the run should stop. */
export const toolStarted = (
  { attempt, runId }: AttemptOf,
  call: Pick<ToolCall, "callId" | "name" | "input">,
): Work<boolean> =>
  Effect.flatMap(Tx, ({ turns }) =>
    Effect.map(turns.get(runId), (turn): Change<boolean> => {
      if (!isCurrent(turn, attempt)) return [false, nothing]
      return [true, [{ _tag: "ToolStarted", ...runFields(turn), ...call }]]
    }),
  )

/** Writes the tool's message with its files. Returns false if the attempt is over; the run should stop. */
export const toolEnded = Effect.fnUntraced(function* (
  of: AttemptOf,
  step: number,
  tool: ToolCall,
  at: number,
  files: ReadonlyArray<Attachment> = [],
): Effect.fn.Return<Change<boolean>, StorageUnavailable, Tx> {
  const { attachments, turns } = yield* Tx
  const written = yield* turns.tool(of, step, tool, at, files)
  if (written === undefined) return [false, nothing]
  const { message, session, turn } = written
  if (files.length > 0 && message !== undefined) yield* attachments.keep(turn.sessionKey, files, at)
  const ended: KeptEvent = { _tag: "ToolEnded", ...runFields(turn), ...tool }
  return [true, [ended, ...messageAdded(message), ...sessionChanged(session)]]
})

/**
 * Decides about the transcript: the reply, or a mark at the user's message if there is no reply. The end of a budget keeps
 * the output and marks the reply, because the run has done the work.
 */
const lastWords = (
  { attempt }: AttemptOf,
  { error, outcome, takenBy }: Ending,
  { attachments, step, text, thinking }: Output,
): LastWords => {
  if (takenBy !== undefined) return { retract: false, mark: {} }
  const said = { step, text, ...(thinking !== "" && { thinking }), ...(attachments.length > 0 && { attachments }) }
  if (error?.reason === "budget") return { retract: false, reply: { ...said, failed: error } }
  const failed = outcome === "failed"
  if (failed || (outcome === "aborted" && attempt === 0)) {
    return { retract: failed, mark: error === undefined ? { aborted: true } : { failed: error } }
  }
  if (text === "" && thinking === "" && attachments.length === 0) return { retract: false }
  return { retract: false, reply: { ...said, ...(outcome === "aborted" && { aborted: true }) } }
}

/** Ends the turn without the SessionChanged. Returns `undefined` if the attempt was over before. */
export const endTurn = Effect.fnUntraced(function* (of: AttemptOf, ending: Ending, output: Output, at: number) {
  const { attachments, turns } = yield* Tx
  const words = lastWords(of, ending, output)
  const written = yield* turns.end(of, ending, words, at)
  if (written === undefined) return undefined
  const files = words.reply?.attachments ?? []
  if (files.length > 0 && written.message !== undefined) yield* attachments.keep(written.turn.sessionKey, files, at)
  return { ...written, events: [...messagesChanged(written), runEnded(written.turn, ending)] }
})

/** Ends the turn. Returns false if the attempt was over before. */
export const end = (of: AttemptOf, ending: Ending, output: Output, at: number): Work<boolean> =>
  Effect.map(endTurn(of, ending, output, at), (ended) =>
    ended === undefined ? [false, nothing] : [true, [...ended.events, ...sessionChanged(ended.session)]],
  )

/** Fails an open turn at its newest attempt, without its output. */
export const fail = (runId: string, error: RunError, at: number): Work<boolean> =>
  Effect.flatMap(Tx, ({ turns }) =>
    Effect.flatMap(turns.get(runId), (turn) =>
      turn === undefined
        ? Effect.succeed([false, nothing] as const)
        : end(turn, { outcome: "failed", error }, noOutput, at),
    ),
  )

/**
 * Aborts the named turn, those before the turn `before`, or all open turns, and returns their run ids. `outputOf` returns
 * the output of a running turn. `error` is the reason if no client requested the abort.
 */
export const abort = Effect.fnUntraced(function* (
  sessionKey: string,
  { before, runId }: { readonly runId?: string | undefined; readonly before?: string | undefined },
  outputOf: (runId: string) => (Output & Pick<Ending, "usage">) | undefined,
  at: number,
  error?: RunError,
): Effect.fn.Return<Change<ReadonlyArray<string>>, StorageUnavailable, Tx> {
  const { turns } = yield* Tx
  const aborted: Array<string> = []
  const events: Array<KeptEvent> = []
  let session: Session | undefined
  for (const turn of yield* turns.open(sessionKey)) {
    if (turn.runId === before) break
    if (runId !== undefined && turn.runId !== runId) continue
    const output = outputOf(turn.runId)
    const ended = yield* endTurn(turn, { outcome: "aborted", error, usage: output?.usage }, output ?? noOutput, at)
    if (ended === undefined) continue
    aborted.push(turn.runId)
    events.push(...ended.events)
    session = ended.session
  }
  return [aborted, [...events, ...sessionChanged(session)]]
})

/** Returns whether the session is as the client expects it, or true without an expectation. */
export const isExpected = (key: string, expected: SessionExpectation | undefined): Part<boolean> =>
  expected === undefined
    ? Effect.succeed(true)
    : Effect.flatMap(Tx, ({ sessions }) =>
        Effect.map(sessions.look(key), ({ newestMessageId, session }) =>
          isAsExpected(expected, session, () => newestMessageId),
        ),
      )

/** Creates a session. Returns `undefined` if it exists. */
export const open = (session: NewSession): Work<Session | undefined> =>
  Effect.flatMap(Tx, ({ sessions }) =>
    Effect.map(sessions.open(session), (row) =>
      row.opened ? [row.session, inSession(row, nothing)] : [undefined, nothing],
    ),
  )

export const update = (key: string, settings: SessionSettings, at: number): Work<Session | undefined> =>
  Effect.flatMap(Tx, ({ sessions }) =>
    Effect.map(sessions.update(key, settings, at), (session) => [session, sessionChanged(session)]),
  )

/** Adds a message without a run, and creates the session if necessary. */
export const inject = (session: NewSession, message: InjectedMessage): Work<Message> =>
  Effect.flatMap(Tx, ({ messages }) =>
    Effect.map(messages.inject(session, message), (row) => [row.message, inSession(row, messageAdded(row.message))]),
  )

/** Returns the history that ends before the message with this id. */
export const historyBefore = (key: string, before: number): Part<ReadonlyArray<Message>> =>
  Effect.flatMap(Tx, ({ messages }) => messages.history(key, before, HISTORY_MESSAGES, HISTORY_CHARS))

/** Returns the history that a run would receive now. Messages of open runs are not part of it. */
export const history = Effect.fnUntraced(function* (
  key: string,
): Effect.fn.Return<ReadonlyArray<Message>, StorageUnavailable, Tx> {
  const { messages, turns } = yield* Tx
  const open = (yield* turns.open(key))[0]
  const own = open === undefined ? undefined : (yield* messages.ofRun(key, open.runId))[0]
  return yield* historyBefore(key, own?.id ?? END)
})

/**
 * Adds a summary of the messages up to `upTo`, which replaces them in the history. Returns `undefined` if the session no
 * longer has that message, or if another summary replaces it already.
 */
export const summarize = (key: string, summary: Summary, at: number): Work<Message | undefined> =>
  Effect.flatMap(Tx, ({ messages }) =>
    Effect.map(messages.summarize(key, summary, at), (row) =>
      row === undefined
        ? [undefined, nothing]
        : [row.message, [...messageAdded(row.message), ...sessionChanged(row.session)]],
    ),
  )

const turnsAborted = ({ ended }: Emptied): Kept => ended.map((turn) => runEnded(turn, { outcome: "aborted" }))

/**
 * Gives the session an empty transcript and returns the number of messages before, or `undefined` if there is no such
 * session. It aborts the open turns and drops their later output.
 */
export const reset = (key: string, at: number): Work<number | undefined> =>
  Effect.flatMap(Tx, ({ sessions }) =>
    Effect.map(sessions.reset(key, at), (emptied) => {
      if (emptied === undefined) return [undefined, nothing]
      const removed: KeptEvent = { _tag: "MessagesRemoved", sessionKey: key, ids: [], reason: "reset" }
      return [emptied.messages, [...turnsAborted(emptied), removed, ...sessionChanged(emptied.session)]]
    }),
  )

/** Removes the session with its messages and returns their number. It aborts the open turns. */
export const remove = (key: string, at: number): Work<number | undefined> =>
  Effect.flatMap(Tx, ({ sessions }) =>
    Effect.map(sessions.remove(key, at), (emptied) => {
      if (emptied === undefined) return [undefined, nothing]
      return [emptied.messages, [...turnsAborted(emptied), { _tag: "SessionClosed", sessionKey: key }]]
    }),
  )
