/**
 * Reads and writes the turns table: accepted turns in their order, and how they ended. A turn is open until `endedAt` is
 * set, which happens once. The functions are synchronous and use the raw connection: call them inside a commit, or while
 * you hold the connection's lock. Transcript.ts uses this module and gives it to the services in runs.
 */
import { hash } from "node:crypto"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { Usage } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { RunOutcome, RunState } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"

export interface TurnRow {
  readonly runId: string
  readonly sessionKey: string
  readonly agentId: string
  readonly principal: Principal
  readonly state: RunState
  /** The number of starts, 0 before the first one. */
  readonly attempt: number
  /** The number of crashes of the process that interrupted it. */
  readonly crashes: number
  readonly error: RunError | undefined
  readonly usage: Usage | undefined
  /** The gateway's reply to a command. */
  readonly reply: string | undefined
  readonly acceptedAt: number
  /** The position before the first event of the run. */
  readonly acceptedAfter: number
  readonly endedAt: number | undefined
}

export interface NewTurn extends Pick<
  TurnRow,
  "runId" | "sessionKey" | "agentId" | "principal" | "acceptedAt" | "acceptedAfter"
> {
  readonly text: string
  /** The whole message, if `text` is only a part of it. */
  readonly message?: string | undefined
  /** The time at which the gateway ends the run. Without it, the run has no deadline. */
  readonly deadlineAt?: number | undefined
}

/** An open turn with a deadline. */
export interface Deadline {
  readonly runId: string
  readonly sessionKey: string
  readonly deadlineAt: number
}

/** How a turn ends. */
export interface Ending {
  readonly outcome: RunOutcome
  readonly error?: RunError | undefined
  readonly usage?: Usage | undefined
  readonly reply?: string | undefined
}

type Row = {
  readonly run_id: string
  readonly session_key: string
  readonly agent_id: string
  readonly principal: string
  readonly state: RunState
  readonly attempt: number
  readonly crashes: number
  readonly error: string | null
  readonly usage: string | null
  readonly reply: string | null
  readonly accepted_at: number
  readonly accepted_after: number
  readonly ended_at: number | null
}

// JSON columns are written below from typed values, so reading them back needs no check.
const toTurn = (row: Row): TurnRow => ({
  runId: row.run_id,
  sessionKey: row.session_key,
  agentId: row.agent_id,
  principal: JSON.parse(row.principal),
  state: row.state,
  attempt: row.attempt,
  crashes: row.crashes,
  error: row.error === null ? undefined : JSON.parse(row.error),
  usage: row.usage === null ? undefined : JSON.parse(row.usage),
  reply: row.reply ?? undefined,
  acceptedAt: row.accepted_at,
  acceptedAfter: row.accepted_after,
  endedAt: row.ended_at ?? undefined,
})

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

/** All columns but the text, which may be long and is read once. */
const COLUMNS = `run_id, session_key, agent_id, principal, state, attempt, crashes, error, usage, reply,
  accepted_at, accepted_after, ended_at`

const digestOf = (text: string): string => hash("sha256", text, "base64url")

export const turnStore = (db: DatabaseSync) => {
  const selectByRun = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE run_id = ?`)
  const selectText = db.prepare("SELECT text FROM turns WHERE run_id = ?")
  const selectOpen = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE session_key = ? AND ended_at IS NULL ORDER BY pos`)
  const selectFirstOpen = db.prepare(
    "SELECT run_id, agent_id, crashes FROM turns WHERE session_key = ? AND ended_at IS NULL ORDER BY pos LIMIT 1",
  )
  const selectAllOpen = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE ended_at IS NULL ORDER BY pos`)
  const countWaiting = db.prepare(
    "SELECT count(*) AS n FROM turns WHERE session_key = ? AND ended_at IS NULL AND state = 'queued'",
  )
  const insert = db.prepare(`INSERT INTO turns
    (run_id, session_key, agent_id, principal, text, text_digest, state, attempt, accepted_at, accepted_after,
     deadline_at)
    VALUES (?, ?, ?, ?, ?, ?, 'queued', 0, ?, ?, ?)`)
  const selectDeadlines = db.prepare(
    "SELECT run_id, session_key, deadline_at FROM turns WHERE ended_at IS NULL AND deadline_at IS NOT NULL",
  )
  const selectDigest = db.prepare("SELECT text_digest AS digest FROM turns WHERE run_id = ?")
  const start = db.prepare(
    "UPDATE turns SET state = 'running', attempt = attempt + 1, handed_over = 0 WHERE run_id = ?",
  )
  // The text of an ended turn is in the transcript, or was a command.
  const end = db.prepare(
    "UPDATE turns SET state = ?, error = ?, usage = ?, reply = ?, ended_at = ?, text = '' WHERE run_id = ? AND ended_at IS NULL",
  )
  const removeEnded = db.prepare(
    "DELETE FROM turns WHERE pos IN (SELECT pos FROM turns WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
  )
  const handOver = db.prepare("UPDATE turns SET handed_over = 1 WHERE ended_at IS NULL AND state = 'running'")
  const requeue = db.prepare(`UPDATE turns SET state = 'queued', crashes = crashes + 1 - handed_over, handed_over = 0
    WHERE ended_at IS NULL AND state = 'running'`)

  const turns = (rows: ReadonlyArray<Record<string, SQLOutputValue>>): ReadonlyArray<TurnRow> =>
    rows.map((row) => toTurn(row as Row))

  return {
    get: (runId: string): TurnRow | undefined => {
      const row = selectByRun.get(runId)
      return row === undefined ? undefined : toTurn(row as Row)
    },
    /** Returns the text of the turn, or an empty text after its end. */
    textOf: (runId: string): string => String(selectText.get(runId)?.["text"] ?? ""),
    /** Returns the oldest open turn of the session. */
    firstOpen: (sessionKey: string): Pick<TurnRow, "runId" | "agentId" | "crashes"> | undefined => {
      const row = selectFirstOpen.get(sessionKey) as Pick<Row, "run_id" | "agent_id" | "crashes"> | undefined
      return row === undefined ? undefined : { runId: row.run_id, agentId: row.agent_id, crashes: row.crashes }
    },
    /** Returns the open turns of the session in the order of acceptance. */
    open: (sessionKey: string): ReadonlyArray<TurnRow> => turns(selectOpen.all(sessionKey)),
    /** Returns the open turns that have a deadline. */
    deadlines: (): ReadonlyArray<Deadline> =>
      selectDeadlines.all().map((row) => ({
        runId: String(row["run_id"]),
        sessionKey: String(row["session_key"]),
        deadlineAt: Number(row["deadline_at"]),
      })),
    /** Returns the open turns of all sessions in the order of acceptance. */
    allOpen: (): ReadonlyArray<TurnRow> => turns(selectAllOpen.all()),
    /** Returns the number of turns of the session that have not started. */
    waiting: (sessionKey: string): number => Number(countWaiting.get(sessionKey)?.["n"]),
    insert: (turn: NewTurn): void => {
      const { acceptedAfter, acceptedAt, agentId, deadlineAt = null, principal, runId, sessionKey, text } = turn
      const digest = digestOf(turn.message ?? text)
      const by = JSON.stringify(principal)
      insert.run(runId, sessionKey, agentId, by, text, digest, acceptedAt, acceptedAfter, deadlineAt)
    },
    /** Returns whether the turn's message is this text. Returns true for rows without a digest. */
    hasText: (runId: string, text: string): boolean => {
      const digest = selectDigest.get(runId)?.["digest"] ?? null
      return digest === null || digest === digestOf(text)
    },
    /** Marks the turn as running and counts an attempt. */
    start: (runId: string): void => {
      start.run(runId)
    },
    /** Ends the turn, unless it has ended already. */
    end: (runId: string, { error, outcome, reply, usage }: Ending, at: number): void => {
      end.run(outcome, json(error), json(usage), reply ?? null, at, runId)
    },
    /** Removes at most `limit` turns that ended before `before` and returns their number. It frees their keys. */
    removeEnded: (before: number, limit: number): number => Number(removeEnded.run(before, limit).changes),
    /** Marks the running turns at the beginning of a planned stop, so that `requeue` counts no crash for them. */
    handOver: (): void => {
      handOver.run()
    },
    /** Makes interrupted turns wait again, at a start. Counts a crash for each one that `handOver` has not marked. */
    requeue: (): void => {
      requeue.run()
    },
  }
}
