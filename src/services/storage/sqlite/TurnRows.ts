/** The statements of the turns table. The stores in this folder use them, inside a transaction or to read. */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { QueueMode, RunState } from "../../../domain/Run.ts"
import { attachmentsColumn, json, toTurnInput } from "../Columns.ts"
import type { AttemptOf, Ending, NewTurn, TurnInput, TurnRow } from "../TurnRow.ts"
import type { KnownTurn } from "../TurnStore.ts"

type Row = {
  readonly run_id: string
  readonly session_key: string
  readonly agent_id: string
  readonly principal: string
  readonly state: RunState
  readonly attempt: number
  readonly crashes: number
  readonly handed_over: number
  readonly error: string | null
  readonly usage: string | null
  readonly reply: string | null
  readonly queue: QueueMode | null
  readonly taken_by: string | null
  readonly accepted_at: number
  readonly accepted_after: number
  readonly deadline_at: number | null
  readonly ended_at: number | null
}

type AnyRow = Record<string, SQLOutputValue>

// JSON columns are written below from typed values, so reading them back needs no check.
const toTurn = (row: Row): TurnRow => ({
  runId: row.run_id,
  sessionKey: row.session_key,
  agentId: row.agent_id,
  principal: JSON.parse(row.principal),
  state: row.state,
  attempt: row.attempt,
  crashes: row.crashes,
  handedOver: row.handed_over !== 0,
  error: row.error === null ? undefined : JSON.parse(row.error),
  usage: row.usage === null ? undefined : JSON.parse(row.usage),
  reply: row.reply ?? undefined,
  queue: row.queue ?? "followup",
  takenBy: row.taken_by ?? undefined,
  acceptedAt: row.accepted_at,
  acceptedAfter: row.accepted_after,
  deadlineAt: row.deadline_at ?? undefined,
  endedAt: row.ended_at ?? undefined,
})

/** All columns but the text, which may be long. */
const COLUMNS = `run_id, session_key, agent_id, principal, state, attempt, crashes, handed_over, error, usage, reply,
  queue, taken_by, accepted_at, accepted_after, deadline_at, ended_at`

export const turnRows = (db: DatabaseSync) => {
  const select = db.prepare(`SELECT ${COLUMNS}, text_digest FROM turns WHERE run_id = ?`)
  const selectInput = db.prepare("SELECT text, attachments FROM turns WHERE run_id = ?")
  const selectOpen = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE session_key = ? AND ended_at IS NULL ORDER BY pos`)
  // Without the hint SQLite reads all turns in the order of `pos`.
  const selectAllOpen = db.prepare(
    `SELECT ${COLUMNS} FROM turns INDEXED BY turns_open WHERE ended_at IS NULL ORDER BY pos`,
  )
  const countOpen = db.prepare(
    "SELECT count(*) AS open, total(state = 'queued') AS waiting FROM turns WHERE session_key = ? AND ended_at IS NULL",
  )
  const insert = db.prepare(`INSERT INTO turns
    (run_id, session_key, agent_id, principal, text, text_digest, state, attempt, accepted_at, accepted_after,
     deadline_at, queue, reply, ended_at, attachments)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING`)
  const begin = db.prepare(`UPDATE turns SET state = 'running', attempt = attempt + 1,
    crashes = crashes + (state = 'running' AND handed_over = 0), handed_over = 0
    WHERE run_id = ? AND ended_at IS NULL AND crashes + (state = 'running' AND handed_over = 0) < ?
    RETURNING ${COLUMNS}, text, attachments`)
  // The text of an ended turn is in the transcript, or was a command.
  const end =
    db.prepare(`UPDATE turns SET state = ?, error = ?, usage = ?, reply = ?, taken_by = ?, ended_at = ?, text = '',
    attachments = NULL    WHERE run_id = ? AND attempt = ? AND ended_at IS NULL RETURNING ${COLUMNS}`)
  const selectTaken = db.prepare(`SELECT m.text, m.attachments FROM turns t JOIN sessions s ON s.key = t.session_key
    JOIN messages m ON m.transcript = coalesce(s.transcript, s.key) AND m.run_id = t.run_id AND m.step = 0
    WHERE t.taken_by = ? ORDER BY t.pos`)
  const abortAll = db.prepare(
    "UPDATE turns SET state = 'aborted', ended_at = ?, text = '', attachments = NULL WHERE session_key = ? AND ended_at IS NULL",
  )
  const handOver = db.prepare("UPDATE turns SET handed_over = 1 WHERE ended_at IS NULL AND state = 'running'")
  const recover = db.prepare(`UPDATE turns SET state = 'queued', crashes = crashes + (handed_over = 0), handed_over = 0
    WHERE ended_at IS NULL AND state = 'running' RETURNING session_key`)
  const removeEnded = db.prepare(
    "DELETE FROM turns WHERE pos IN (SELECT pos FROM turns WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
  )

  const turns = (rows: ReadonlyArray<AnyRow>): ReadonlyArray<TurnRow> => rows.map((row) => toTurn(row as Row))

  const add = (
    turn: NewTurn,
    [state, attempt, reply, endedAt]: readonly [RunState, number, string | null, number | null],
  ) => {
    const { acceptedAfter, acceptedAt, agentId, deadlineAt = null, digest, principal, queue, runId, sessionKey } = turn
    const by = JSON.stringify(principal)
    const text = endedAt === null ? turn.text : ""
    const files = endedAt === null ? attachmentsColumn(turn.attachments) : null
    const times = [acceptedAt, acceptedAfter, deadlineAt] as const
    const values = [
      runId,
      sessionKey,
      agentId,
      by,
      text,
      digest,
      state,
      attempt,
      ...times,
      queue,
      reply,
      endedAt,
      files,
    ]
    return insert.run(...values).changes === 1
  }

  const get = (runId: string): KnownTurn | undefined => {
    const row = select.get(runId)
    if (row === undefined) return undefined
    const digest = row["text_digest"]
    return { ...toTurn(row as Row), digest: typeof digest === "string" ? digest : null }
  }

  return {
    get,
    /** Returns the input of the turn, or an empty one after its end. */
    inputOf: (runId: string): TurnInput => toTurnInput(selectInput.get(runId)),
    open: (sessionKey: string | undefined): ReadonlyArray<TurnRow> =>
      turns(sessionKey === undefined ? selectAllOpen.all() : selectOpen.all(sessionKey)),
    /** Returns the number of open turns of the session, and of those that wait. */
    counts: (sessionKey: string) => countOpen.get(sessionKey) as { readonly open: number; readonly waiting: number },
    /** Returns false if the turn is known. */
    insert: (turn: NewTurn): boolean => add(turn, ["queued", 0, null, null]),
    /** Adds a turn at its first attempt. Returns false if the turn is known. */
    insertBegun: (turn: NewTurn): boolean => add(turn, ["running", 1, null, null]),
    insertAnswered: (turn: NewTurn, reply: string): boolean => add(turn, ["done", 1, reply, turn.acceptedAt]),
    /** Returns `undefined` if the turn is not open, or if crashes have interrupted it too often. */
    begin: (runId: string, maxCrashes: number): { readonly turn: TurnRow; readonly input: TurnInput } | undefined => {
      const row = begin.get(runId, maxCrashes)
      return row === undefined ? undefined : { turn: toTurn(row as Row), input: toTurnInput(row) }
    },
    /** Returns `undefined` if the turn has ended or another attempt has begun. */
    end: ({ attempt, runId }: AttemptOf, ending: Ending, at: number): TurnRow | undefined => {
      const { error, outcome, reply = null, takenBy = null, usage } = ending
      const row = end.get(outcome, json(error), json(usage), reply, takenBy, at, runId, attempt)
      return row === undefined ? undefined : toTurn(row as Row)
    },
    /** Returns the user's messages of the turns that the run has taken over. */
    taken: (runId: string): ReadonlyArray<TurnInput> => selectTaken.all(runId).map(toTurnInput),
    /** Aborts the open turns of the session and returns them in the order of acceptance. */
    abortAll: (sessionKey: string, at: number): ReadonlyArray<TurnRow> => {
      const open = turns(selectOpen.all(sessionKey))
      if (open.length > 0) abortAll.run(at, sessionKey)
      return open.map((turn) => Object.assign({}, turn, { state: "aborted" as const, endedAt: at }))
    },
    handOver: (): void => {
      handOver.run()
    },
    recover: (): ReadonlyArray<string> => recover.all().map((row) => String(row["session_key"])),
    forget: (before: number, limit: number): number => Number(removeEnded.run(before, limit).changes),
  }
}

export type TurnRows = ReturnType<typeof turnRows>
