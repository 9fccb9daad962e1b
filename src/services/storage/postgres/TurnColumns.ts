/** The columns of turns. The stores of this folder use them. */
import type { TurnRow } from "../TurnRow.ts"
import type { Row } from "./PostgresConnection.ts"
import { columnsOf, parsed } from "./Statements.ts"

/** The columns of a turn `t`, with the prefix `t_`. All but the text, which may be long and is read once. */
export const TURN = columnsOf("t", [
  "run_id",
  "session_key",
  "agent_id",
  "principal",
  "state",
  "attempt",
  "crashes",
  "handed_over",
  "error",
  "usage",
  "reply",
  "queue",
  "taken_by",
  "accepted_at",
  "accepted_after",
  "deadline_at",
  "ended_at",
])

/** Reads the columns of `TURN`. */
export const toTurn = (row: Row): TurnRow =>
  ({
    runId: row["t_run_id"],
    sessionKey: row["t_session_key"],
    agentId: row["t_agent_id"],
    principal: parsed(row, "t_principal"),
    state: row["t_state"],
    attempt: row["t_attempt"],
    crashes: row["t_crashes"],
    handedOver: row["t_handed_over"] !== 0,
    error: parsed(row, "t_error"),
    usage: parsed(row, "t_usage"),
    reply: row["t_reply"] ?? undefined,
    queue: row["t_queue"],
    takenBy: row["t_taken_by"] ?? undefined,
    acceptedAt: row["t_accepted_at"],
    acceptedAfter: row["t_accepted_after"],
    deadlineAt: row["t_deadline_at"] ?? undefined,
    endedAt: row["t_ended_at"] ?? undefined,
  }) as TurnRow
