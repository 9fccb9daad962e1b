/** The store of turns on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import type { Message } from "../../../domain/Message.ts"
import { attachmentsColumn, countersOf, inputFields, json, toolColumn, toTurnInput } from "../Columns.ts"
import { PREVIEW_CHARS, preview } from "../SessionStore.ts"
import type { LastWords, NewTurn, TurnRow } from "../TurnRow.ts"
import type { Accept, KnownTurn, TurnStore, TurnWritten } from "../TurnStore.ts"
import { OF_SESSION } from "./MessageColumns.ts"
import { type Row, withoutNul } from "./PostgresConnection.ts"
import { activity, OPEN_PARAMS, openParams, openSession, SESSION, toSession } from "./SessionColumns.ts"
import type { Statements } from "./Statements.ts"
import { toTurn, TURN } from "./TurnColumns.ts"

const newTurnParams = (turn: NewTurn): ReadonlyArray<unknown> => [
  turn.runId,
  turn.agentId,
  JSON.stringify(turn.principal),
  turn.text,
  turn.digest,
  turn.acceptedAt,
  turn.acceptedAfter,
  turn.deadlineAt ?? null,
  turn.queue,
  attachmentsColumn(turn.attachments),
]

/** Names the parameters that `newTurnParams` returns, if they come after `before` others. */
const newTurn = (before: number): string =>
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((index) => `$${before + index}`).join(", ")

const RUN_ID = `$${OPEN_PARAMS + 1}`
const TEXT = `$${OPEN_PARAMS + 4}`
const ATTACHMENTS = `$${OPEN_PARAMS + 10}`
const MAX_WAITING = `$${OPEN_PARAMS + 11}`
const MAY_BEGIN = `$${OPEN_PARAMS + 12}`

// A forgotten run with the same key may have written the message. Then `begin` finds it.
const ACCEPT = `WITH
  t AS (SELECT * FROM turns WHERE run_id = ${RUN_ID}),
  n AS (SELECT count(*) AS open, count(*) FILTER (WHERE state = 'queued') AS waiting FROM turns
    WHERE session_key = $1 AND ended_at IS NULL),
  free AS (SELECT ${MAY_BEGIN}::boolean AND n.open = 0 AND NOT EXISTS (SELECT FROM messages m
      WHERE ${OF_SESSION} AND m.run_id = ${RUN_ID} AND m.step = 0) AS begins
    FROM n WHERE n.waiting < ${MAX_WAITING} AND NOT EXISTS (SELECT FROM t)),
  ${openSession("FROM free", "free.begins")},
  added AS (INSERT INTO turns (session_key, state, attempt, run_id, agent_id, principal, text, text_digest, accepted_at,
    accepted_after, deadline_at, queue, attachments)
    SELECT $1, CASE WHEN free.begins THEN 'running' ELSE 'queued' END, CASE WHEN free.begins THEN 1 ELSE 0 END,
      ${newTurn(OPEN_PARAMS)} FROM free),
  m AS (INSERT INTO messages (transcript, run_id, step, role, text, attachments, aborted, at)
    SELECT s.transcript, ${RUN_ID}, 0, 'user', ${TEXT}, ${ATTACHMENTS}, 0, $13::bigint FROM s, free WHERE free.begins
    RETURNING id)
  SELECT n.waiting, t.text_digest, ${TURN}, ${SESSION}, s.opened, m.id AS message_id, ${activity("$1", "queued")}
  FROM n LEFT JOIN t ON true LEFT JOIN s ON true LEFT JOIN m ON true`

const toKnown = (row: Row): KnownTurn => ({ ...toTurn(row), digest: row["text_digest"] as string | null })

/** The messages of the tools of the run `$1` in the session `s0`. */
const RETRACT = "DELETE FROM messages m USING s0 WHERE m.transcript = s0.transcript AND m.run_id = $1 AND m.step >= 1"

const RETRACTED = "coalesce((SELECT array_agg(id ORDER BY id) FROM gone), '{}') AS retracted"

/** The session of the turn `t`. */
const SESSION_OF_TURN = "s0 AS (SELECT s.* FROM sessions s JOIN t ON s.key = t.session_key)"

/** Reads a row with the columns of TURN, SESSION, `activity`, `retracted` and `message_id`. */
const toWritten = (row: Row, message: Omit<Message, "id"> | undefined): TurnWritten => ({
  turn: toTurn(row),
  session: row["s_key"] === null ? undefined : toSession(row),
  message:
    message === undefined || row["message_id"] === null ? undefined : { id: Number(row["message_id"]), ...message },
  retracted: row["retracted"] as ReadonlyArray<number>,
})

// `t` is the turn as it was.
const BEGIN = `WITH
  t AS (SELECT *, crashes + CASE WHEN state = 'running' AND handed_over = 0 THEN 1 ELSE 0 END AS interruptions
    FROM turns WHERE run_id = $1 AND ended_at IS NULL),
  begun AS (UPDATE turns SET state = 'running', attempt = turns.attempt + 1, crashes = t.interruptions, handed_over = 0
    FROM t WHERE turns.pos = t.pos AND t.interruptions < $2 RETURNING turns.*),
  s0 AS (SELECT s.* FROM sessions s JOIN begun ON s.key = begun.session_key),
  gone AS (${RETRACT} RETURNING m.id),
  m AS (INSERT INTO messages (transcript, run_id, step, role, text, attachments, aborted, at)
    SELECT s0.transcript, $1, 0, 'user', begun.text, begun.attachments, 0, $3 FROM s0, begun
    ON CONFLICT (transcript, run_id, step) DO NOTHING RETURNING id),
  n AS (SELECT (SELECT count(*) FROM m) AS added, (SELECT count(*) FROM gone) AS removed),
  s AS (UPDATE sessions s SET
    message_count = s.message_count + n.added - n.removed,
    history_count = s.history_count + n.added - n.removed,
    last_message = CASE WHEN n.added > 0 THEN left(begun.text, ${PREVIEW_CHARS + 1}) ELSE s.last_message END,
    updated_at = $3
    FROM begun, n WHERE s.key = begun.session_key RETURNING s.*)
  SELECT ${TURN}, t.interruptions, t.text, t.attachments, EXISTS (SELECT FROM begun) AS begun, ${RETRACTED},
    (SELECT id FROM m) AS message_id,
    coalesce((SELECT id FROM m), (SELECT x.id FROM messages x JOIN s0 ON x.transcript = s0.transcript
      WHERE x.run_id = $1 AND x.step = 0)) AS user_id,
    ${SESSION}, 'running' AS activity
  FROM t LEFT JOIN s ON true`

const TOOL = `WITH
  t AS (SELECT * FROM turns WHERE run_id = $1 AND attempt = $2 AND ended_at IS NULL),
  ${SESSION_OF_TURN},
  m AS (INSERT INTO messages (transcript, run_id, step, role, text, tool, attachments, aborted, at)
    SELECT s0.transcript, $1, $3, 'tool', $4, $5, $7, 0, $6 FROM s0
    ON CONFLICT (transcript, run_id, step) DO NOTHING RETURNING id),
  s AS (UPDATE sessions s SET message_count = s.message_count + 1, history_count = s.history_count + 1, updated_at = $6
    FROM s0, m WHERE s.key = s0.key RETURNING s.*),
  shown AS (SELECT * FROM s UNION ALL SELECT * FROM s0 WHERE NOT EXISTS (SELECT FROM s))
  SELECT ${TURN}, ${SESSION}, ${activity("t.session_key", "idle")}, (SELECT id FROM m) AS message_id,
    '{}'::bigint[] AS retracted
  FROM t LEFT JOIN shown s ON true`

// `text` is that of the turn before its end: the statement sees the row as it was.
const END = `WITH
  t AS (UPDATE turns SET state = $3, error = $4, usage = $5, reply = $6, taken_by = $20, ended_at = $7, text = '',
    attachments = NULL
    WHERE run_id = $1 AND attempt = $2 AND ended_at IS NULL RETURNING *),
  before AS (SELECT text, attachments FROM turns WHERE run_id = $1),
  ${SESSION_OF_TURN},
  gone AS (${RETRACT} AND $8::boolean RETURNING m.id),
  reply AS (INSERT INTO messages (transcript, run_id, step, role, text, thinking, usage, aborted, failed, at, attachments)
    SELECT s0.transcript, $1, $9::bigint, 'assistant', $10::text, $11, $5, $12, $16, $7, $22 FROM s0 WHERE $9::bigint IS NOT NULL
    ON CONFLICT (transcript, run_id, step) DO NOTHING RETURNING id),
  failed AS (UPDATE messages m SET failed = $13::text FROM s0 WHERE $13::text IS NOT NULL AND m.transcript = s0.transcript
    AND m.run_id = $1 AND m.step = 0 AND m.failed IS NULL RETURNING m.aborted),
  marked AS (INSERT INTO messages (transcript, run_id, step, role, text, attachments, failed, aborted, at)
    SELECT s0.transcript, $1, 0, 'user', before.text, before.attachments, $13, $14, $7 FROM s0, before
    WHERE $21::boolean AND NOT EXISTS (SELECT FROM failed)
    ON CONFLICT (transcript, run_id, step) DO NOTHING RETURNING id),
  n AS (SELECT (SELECT count(*) FROM reply) AS replies, (SELECT count(*) FROM marked) AS marks,
    (SELECT count(*) FROM gone) AS removed, (SELECT count(*) FROM failed WHERE aborted = 0) AS hidden),
  s AS (UPDATE sessions s SET
    message_count = s.message_count + n.replies + n.marks - n.removed,
    history_count = s.history_count + n.replies - n.removed - n.hidden
      + CASE WHEN $13::text IS NULL AND $14 = 0 THEN n.marks ELSE 0 END,
    last_message = CASE WHEN n.replies > 0 THEN $15
      WHEN n.marks > 0 THEN left(before.text, ${PREVIEW_CHARS + 1}) ELSE s.last_message END,
    input_tokens = s.input_tokens + $17,
    output_tokens = s.output_tokens + $18,
    context_tokens = coalesce($19, s.context_tokens),
    updated_at = $7
    FROM s0, before, n WHERE s.key = s0.key RETURNING s.*)
  SELECT ${TURN}, before.text, before.attachments, ${RETRACTED}, ${SESSION}, ${activity("t.session_key", "idle", "o.run_id <> $1")},
    (SELECT id FROM reply) AS reply_id, (SELECT id FROM marked) AS marked_id,
    coalesce((SELECT id FROM reply), (SELECT id FROM marked)) AS message_id
  FROM t JOIN before ON true LEFT JOIN s ON true`

const endParams = ({ mark, reply, retract }: LastWords): ReadonlyArray<unknown> => [
  retract,
  reply?.step ?? null,
  reply?.text ?? null,
  reply?.thinking ?? null,
  reply?.aborted === true ? 1 : 0,
  json(mark?.failed),
  mark?.aborted === true ? 1 : 0,
  reply === undefined ? null : preview(reply.text),
  json(reply?.failed),
]

export const turnSteps = ({ read, write }: Statements): TurnStore => ({
  get: (runId) =>
    Effect.map(read(`SELECT ${TURN} FROM turns t WHERE t.run_id = $1`, [runId]), ([row]) =>
      row === undefined ? undefined : toTurn(row),
    ),
  known: (runId) =>
    Effect.map(read(`SELECT t.text_digest, ${TURN} FROM turns t WHERE t.run_id = $1`, [runId]), ([row]) =>
      row === undefined ? undefined : toKnown(row),
    ),
  open: (sessionKey) =>
    Effect.map(
      sessionKey === undefined
        ? read(`SELECT ${TURN} FROM turns t WHERE t.ended_at IS NULL ORDER BY t.pos`)
        : read(`SELECT ${TURN} FROM turns t WHERE t.session_key = $1 AND t.ended_at IS NULL ORDER BY t.pos`, [
            sessionKey,
          ]),
      (rows) => rows.map(toTurn),
    ),
  accept: (session, turn, maxWaiting = Number.MAX_SAFE_INTEGER, mayBegin = false) => {
    const { acceptedAt: at, runId, sessionKey } = turn
    const input = { text: withoutNul(turn.text), attachments: turn.attachments }
    const message = { sessionKey, runId, role: "user" as const, ...inputFields(input), at }
    const params = [...openParams(session, at, countersOf(message)), ...newTurnParams(turn), maxWaiting, mayBegin]
    return Effect.map(write(ACCEPT, params), ([row]): Accept => {
      if (row?.["t_run_id"] !== null) return { _tag: "Known", turn: toKnown(row!) }
      if (row["s_key"] === null) return { _tag: "TooManyWait", waiting: Number(row["waiting"]) }
      const opened = row["opened"] === true
      if (row["message_id"] === null) return { _tag: "Accepted", session: toSession(row), opened, begun: undefined }
      const messageId = Number(row["message_id"])
      const begun = { input, message: { id: messageId, ...message }, messageId }
      return { _tag: "Accepted", session: toSession({ ...row, activity: "running" }), opened, begun }
    })
  },
  answer: (turn, reply) =>
    Effect.map(
      write(
        `WITH t AS (INSERT INTO turns (session_key, reply, ended_at, state, attempt, run_id, agent_id, principal, text,
          text_digest, accepted_at, accepted_after, deadline_at, queue, attachments)
          VALUES ($1, $2, $3, 'done', 1, ${newTurn(3)}) RETURNING *) SELECT ${TURN} FROM t`,
        [turn.sessionKey, reply, turn.acceptedAt, ...newTurnParams({ ...turn, text: "", attachments: [] })],
      ),
      ([row]) => toTurn(row!),
    ),
  begin: (runId, maxCrashes, at) =>
    Effect.map(write(BEGIN, [runId, maxCrashes, at]), ([row]) => {
      if (row === undefined) return { _tag: "Over" }
      const before: TurnRow = { ...toTurn(row), crashes: Number(row["interruptions"]) }
      if (row["begun"] !== true) return { _tag: "TooManyCrashes", turn: before }
      const turn: TurnRow = { ...before, state: "running", attempt: before.attempt + 1, handedOver: false }
      const input = toTurnInput(row)
      const message = { sessionKey: turn.sessionKey, runId, role: "user" as const, ...inputFields(input), at }
      const messageId = row["user_id"] === null ? undefined : Number(row["user_id"])
      return { _tag: "Begun", ...toWritten(row, message), turn, input, messageId }
    }),
  tool: ({ attempt, runId }, step, tool, at, attachments = []) => {
    const params = [runId, attempt, step, tool.output, toolColumn(tool), at, attachmentsColumn(attachments)]
    return Effect.map(write(TOOL, params), ([row]) => {
      if (row === undefined) return undefined
      const sessionKey = String(row["t_session_key"])
      const said = inputFields({ text: tool.output, attachments })
      return toWritten(row, { sessionKey, runId, role: "tool", ...said, tool, at })
    })
  },
  end: ({ attempt, runId }, { error, outcome, reply, takenBy, usage }, words, at) =>
    Effect.map(
      write(END, [
        runId,
        attempt,
        outcome,
        json(error),
        json(usage),
        reply ?? null,
        at,
        ...endParams(words),
        usage?.inputTokens ?? 0,
        usage?.outputTokens ?? 0,
        usage?.contextTokens ?? null,
        takenBy ?? null,
        words.mark !== undefined,
        attachmentsColumn(words.reply?.attachments ?? []),
      ]),
      ([row]) => {
        if (row === undefined) return undefined
        const sessionKey = String(row["t_session_key"])
        const { step: _, ...said } = words.reply ?? { step: 0, text: "" }
        const message: Omit<Message, "id"> =
          row["reply_id"] === null
            ? { sessionKey, runId, role: "user", ...inputFields(toTurnInput(row)), ...words.mark, at }
            : { sessionKey, runId, role: "assistant", ...said, ...(usage !== undefined && { usage }), at }
        return toWritten(row, message)
      },
    ),
  taken: (runId) =>
    Effect.map(
      read(
        `SELECT m.text, m.attachments FROM turns t JOIN sessions s ON s.key = t.session_key
          JOIN messages m ON m.transcript = s.transcript AND m.run_id = t.run_id AND m.step = 0
          WHERE t.taken_by = $1 ORDER BY t.pos`,
        [runId],
      ),
      (rows) => rows.map(toTurnInput),
    ),
  handOver: Effect.asVoid(write("UPDATE turns SET handed_over = 1 WHERE ended_at IS NULL AND state = 'running'", [])),
  forget: (before, limit) =>
    Effect.map(
      write(
        `WITH gone AS (DELETE FROM turns WHERE pos IN (SELECT pos FROM turns WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)
          RETURNING 1) SELECT count(*) AS removed FROM gone`,
        [before, limit],
      ),
      ([row]) => Number(row?.["removed"]),
    ),
  recover: Effect.map(
    write(
      `UPDATE turns SET state = 'queued', crashes = crashes + CASE WHEN handed_over = 0 THEN 1 ELSE 0 END,
        handed_over = 0 WHERE ended_at IS NULL AND state = 'running' RETURNING session_key`,
      [],
    ),
    (rows) => rows.map((row) => String(row["session_key"])),
  ),
})
