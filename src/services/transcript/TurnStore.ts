/**
 * Rows of the turns table: what was accepted, in which order, and how it ended. Synchronous, on the raw handle: for use
 * inside a commit, or with the connection's lock held. A turn is open until `endedAt` is set, and that happens once.
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
  readonly attempt: number
  /** How many crashes of the process have cut it off. */
  readonly crashes: number
  readonly error: RunError | undefined
  readonly usage: Usage | undefined
  /** The gateway's answer to a command. */
  readonly reply: string | undefined
  readonly acceptedAt: number
  /** The position after which everything about the run was told. */
  readonly acceptedAfter: number
  readonly endedAt: number | undefined
}

export interface NewTurn extends Pick<
  TurnRow,
  "runId" | "sessionKey" | "agentId" | "principal" | "acceptedAt" | "acceptedAfter"
> {
  readonly text: string
  /** The message of which `text` is a part. Left out: all of it. */
  readonly message?: string | undefined
  /** When its time is up; left out: never. */
  readonly deadlineAt?: number | undefined
}

/** A turn that has not ended, and when its time is up. */
export interface Deadline {
  readonly runId: string
  readonly sessionKey: string
  readonly deadlineAt: number
}

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

/** All but the text: it may be long, and is needed once. */
const COLUMNS = `run_id, session_key, agent_id, principal, state, attempt, crashes, error, usage, reply,
  accepted_at, accepted_after, ended_at`

const digestOf = (text: string): string => hash("sha256", text, "base64url")

export const turnStore = (db: DatabaseSync) => {
  const selectByRun = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE run_id = ?`)
  const selectText = db.prepare("SELECT text FROM turns WHERE run_id = ?")
  const selectOpen = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE session_key = ? AND ended_at IS NULL ORDER BY pos`)
  const selectFirst = db.prepare(
    "SELECT run_id, agent_id, crashes FROM turns WHERE session_key = ? AND ended_at IS NULL ORDER BY pos LIMIT 1",
  )
  const selectEveryOpen = db.prepare(`SELECT ${COLUMNS} FROM turns WHERE ended_at IS NULL ORDER BY pos`)
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
  const begin = db.prepare(
    "UPDATE turns SET state = 'running', attempt = attempt + 1, handed_over = 0 WHERE run_id = ?",
  )
  // The text of an ended turn is in the transcript, or was a command.
  const end = db.prepare(
    "UPDATE turns SET state = ?, error = ?, usage = ?, reply = ?, ended_at = ?, text = '' WHERE run_id = ? AND ended_at IS NULL",
  )
  const forget = db.prepare(
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
    /** What the turn was asked; empty once it has ended. */
    textOf: (runId: string): string => String(selectText.get(runId)?.["text"] ?? ""),
    /** The turn of a session whose time it is: accepted first of those that have not ended. */
    first: (sessionKey: string): Pick<TurnRow, "runId" | "agentId" | "crashes"> | undefined => {
      const row = selectFirst.get(sessionKey) as Pick<Row, "run_id" | "agent_id" | "crashes"> | undefined
      return row === undefined ? undefined : { runId: row.run_id, agentId: row.agent_id, crashes: row.crashes }
    },
    open: (sessionKey: string): ReadonlyArray<TurnRow> => turns(selectOpen.all(sessionKey)),
    deadlines: (): ReadonlyArray<Deadline> =>
      selectDeadlines.all().map((row) => ({
        runId: String(row["run_id"]),
        sessionKey: String(row["session_key"]),
        deadlineAt: Number(row["deadline_at"]),
      })),
    everyOpen: (): ReadonlyArray<TurnRow> => turns(selectEveryOpen.all()),
    waiting: (sessionKey: string): number => Number(countWaiting.get(sessionKey)?.["n"]),
    insert: (turn: NewTurn): void => {
      const { acceptedAfter, acceptedAt, agentId, deadlineAt = null, principal, runId, sessionKey, text } = turn
      const digest = digestOf(turn.message ?? text)
      const by = JSON.stringify(principal)
      insert.run(runId, sessionKey, agentId, by, text, digest, acceptedAt, acceptedAfter, deadlineAt)
    },
    /** Whether this is what the turn was asked, as far as that is known. */
    asked: (runId: string, text: string): boolean => {
      const digest = selectDigest.get(runId)?.["digest"] ?? null
      return digest === null || digest === digestOf(text)
    },
    begin: (runId: string): void => {
      begin.run(runId)
    },
    end: (runId: string, { error, outcome, reply, usage }: Ending, at: number): void => {
      end.run(outcome, json(error), json(usage), reply ?? null, at, runId)
    },
    /** Removes turns that ended before this moment; answers how many. With them their keys are free again. */
    forget: (before: number, limit: number): number => Number(forget.run(before, limit).changes),
    /** At the beginning of a planned stop: what it cuts off was not cut off by a crash. */
    handOver: (): void => {
      handOver.run()
    },
    /** At a start: turns that were running wait again. Counts a crash for those that no planned stop has handed over. */
    requeue: (): void => {
      requeue.run()
    },
  }
}
