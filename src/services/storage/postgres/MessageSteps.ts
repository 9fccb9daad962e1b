/** The store of messages on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import type { Message } from "../../../domain/Message.ts"
import { countersOf, json, toolColumn } from "../Columns.ts"
import type { MessageStore } from "../MessageStore.ts"
import { PREVIEW_CHARS, preview } from "../SessionStore.ts"
import { fitting, MESSAGE, OF_SESSION, takeFitting, toMessage } from "./MessageColumns.ts"
import { texts } from "./PostgresConnection.ts"
import { activity, OPEN_PARAMS, openParams, openSession, SESSION, toSession } from "./SessionColumns.ts"
import type { Statements } from "./Statements.ts"

const PAGE = fitting(
  `SELECT ${MESSAGE} FROM messages m WHERE ${OF_SESSION} AND m.id < $2 ORDER BY m.id DESC LIMIT $3`,
  "$4",
)

// The same condition as `isInHistory`. A summary replaces older summaries, too.
const HISTORY = `WITH
  r AS (SELECT ${MESSAGE} FROM messages m WHERE ${OF_SESSION} AND m.summary_up_to IS NOT NULL
    AND m.summary_up_to < $2 ORDER BY m.id DESC LIMIT 1),
  page AS (${fitting(
    `SELECT ${MESSAGE} FROM messages m WHERE ${OF_SESSION}
      AND m.id > coalesce((SELECT m_summary_up_to FROM r), 0) AND m.id < $2
      AND (m.role <> 'user' OR (m.failed IS NULL AND m.aborted = 0)) AND m.summary_up_to IS NULL ORDER BY m.id DESC LIMIT $3`,
    "$4",
  )})
  SELECT true AS is_summary, r.*, 0 AS candidates, 0 AS chars FROM r
  UNION ALL SELECT false, page.* FROM page ORDER BY is_summary DESC, m_id DESC`

const SUMMARIZE = `WITH x AS (SELECT transcript FROM sessions WHERE key = $1),
  newest AS (SELECT m.summary_up_to FROM messages m WHERE ${OF_SESSION} AND m.summary_up_to IS NOT NULL
    ORDER BY m.id DESC LIMIT 1),
  m AS (INSERT INTO messages (transcript, step, role, text, usage, aborted, summary_up_to, at)
    SELECT x.transcript, 0, 'system', $3, $4, 0, $2, $5 FROM x
    WHERE EXISTS (SELECT FROM messages o WHERE o.transcript = x.transcript AND o.id = $2)
    AND coalesce((SELECT summary_up_to FROM newest), 0) < $2 RETURNING id),
  s AS (UPDATE sessions s SET message_count = s.message_count + 1, history_count = s.history_count + 1,
    input_tokens = s.input_tokens + $6, output_tokens = s.output_tokens + $7,
    context_tokens = coalesce($8, s.context_tokens), updated_at = $5 FROM m WHERE s.key = $1 RETURNING s.*)
  SELECT ${SESSION}, ${activity("s.key", "idle")}, (SELECT id FROM m) AS message_id FROM s`

const param = (index: number): string => `$${OPEN_PARAMS + index}`

const INJECT = `WITH ${openSession()},
  freed AS (UPDATE messages SET injection_key = NULL WHERE injection_key = ${param(1)}),
  m AS (INSERT INTO messages (transcript, step, injection_key, role, text, thinking, tool, usage, aborted, failed,
    summary_up_to, at) SELECT s.transcript, 0, ${[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(param).join(", ")} FROM s RETURNING id)
  SELECT ${SESSION}, s.opened, ${activity("s.key", "idle")}, m.id AS message_id FROM s, m`

export const messageSteps = ({ read, write }: Statements): MessageStore => ({
  page: (sessionKey, before, limit, maxChars) =>
    Effect.map(read(PAGE, [sessionKey, before, limit + 1, maxChars]), (rows) =>
      takeFitting(sessionKey, rows, limit, maxChars),
    ),
  history: (sessionKey, before, limit, maxChars) =>
    Effect.map(read(HISTORY, [sessionKey, before, limit, maxChars]), (rows) => {
      const summaries = rows.filter((row) => row["is_summary"] === true).map((row) => toMessage(sessionKey, row))
      const others = rows.slice(summaries.length)
      return [...summaries, ...takeFitting(sessionKey, others, limit, maxChars).messages]
    }),
  previews: (sessionKeys, limit) =>
    Effect.map(
      read(
        `SELECT s.key, m.role, left(m.text, ${PREVIEW_CHARS + 1}) AS text FROM sessions s, LATERAL
          (SELECT id, role, text FROM messages WHERE transcript = s.transcript ORDER BY id DESC LIMIT $2) m
          WHERE s.key = ANY($1::text[]) ORDER BY s.key, m.id`,
        [texts(sessionKeys), limit],
      ),
      (rows) => {
        const previews = new Map(sessionKeys.map((key) => [key, new Array<Pick<Message, "role" | "text">>()]))
        for (const { key, role, text } of rows) {
          previews.get(String(key))?.push({ role: role as Message["role"], text: preview(String(text)) })
        }
        return previews
      },
    ),
  ofRun: (sessionKey, runId) =>
    Effect.map(
      read(`SELECT ${MESSAGE} FROM messages m WHERE ${OF_SESSION} AND m.run_id = $2 ORDER BY m.step`, [
        sessionKey,
        runId,
      ]),
      (rows) => rows.map((row) => toMessage(sessionKey, row)),
    ),
  injected: (key) =>
    Effect.map(
      read(
        `SELECT s.key, ${MESSAGE} FROM messages m JOIN sessions s ON s.transcript = m.transcript
          WHERE m.injection_key = $1`,
        [key],
      ),
      ([row]) => (row === undefined ? undefined : toMessage(String(row["key"]), row)),
    ),
  inject: (session, { injectionKey, sessionKey, ...rest }) => {
    const message = { sessionKey, runId: null, ...rest }
    return Effect.map(
      write(INJECT, [
        ...openParams(session, message.at, countersOf(message)),
        injectionKey ?? null,
        message.role,
        message.text,
        message.thinking ?? null,
        toolColumn(message.tool),
        json(message.usage),
        message.aborted === true ? 1 : 0,
        json(message.failed),
        message.summaryUpTo ?? null,
        message.at,
      ]),
      ([row]) => ({
        message: { id: Number(row?.["message_id"]), ...message },
        session: toSession(row!),
        opened: row?.["opened"] === true,
      }),
    )
  },
  summarize: (sessionKey, { text, upTo, usage }, at) =>
    Effect.map(
      write(SUMMARIZE, [
        sessionKey,
        upTo,
        text,
        json(usage),
        at,
        usage?.inputTokens ?? 0,
        usage?.outputTokens ?? 0,
        usage?.contextTokens ?? null,
      ]),
      ([row]) => {
        if (row === undefined) return undefined
        const summary = { sessionKey, runId: null, role: "system" as const, text, summaryUpTo: upTo, at }
        const message = { id: Number(row["message_id"]), ...summary, ...(usage !== undefined && { usage }) }
        return { message, session: toSession(row) }
      },
    ),
  // Goes through the transcripts in the order of their ids, so those below the last one that lost a message are empty.
  removeSome: (limit) =>
    Effect.map(
      write(
        `WITH oldest AS (SELECT m.transcript, m.id FROM old_transcripts o JOIN messages m ON m.transcript = o.transcript
            ORDER BY m.transcript, m.id LIMIT $1),
          gone AS (DELETE FROM messages m USING oldest WHERE m.transcript = oldest.transcript AND m.id = oldest.id
            RETURNING m.transcript),
          n AS (SELECT count(*) AS removed, max(transcript) AS last FROM gone),
          ended AS (DELETE FROM old_transcripts o USING n WHERE n.removed < $1 OR o.transcript < n.last
            RETURNING o.transcript),
          uses AS (DELETE FROM attachment_uses u USING ended WHERE u.transcript = ended.transcript RETURNING u.id),
          unused AS (UPDATE attachments a SET used = false WHERE a.id IN (SELECT id FROM uses) AND NOT EXISTS
            (SELECT FROM attachment_uses u WHERE u.id = a.id AND u.transcript NOT IN (SELECT transcript FROM ended)))
          SELECT removed FROM n`,
        [limit],
      ),
      ([row]) => Number(row?.["removed"]),
    ),
})
