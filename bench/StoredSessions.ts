/** Makes the state folder of a gateway with many conversations, messages and events. */
import { setTimeout as sleep } from "node:timers/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { startGateway, temporaryFolder } from "./Targets.ts"

export const STORED = 10_000

export interface StoredRows {
  readonly sessions: number
  /** Messages of the session `SESSION_OF_MESSAGES`. */
  readonly messages: number
  readonly events: number
}

export const SESSION_OF_MESSAGES = "agent:main:direct:peer-0"

const insertSessions = (db: DatabaseSync, count: number): void => {
  const insert = db.prepare(
    `INSERT INTO sessions (key, agent_id, kind, display_name, channel, peer_id, message_count, history_count,
      last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, 'main', 'direct', ?, 'web', ?, ?, ?, ?, 9, 9, 9, ?, ?)`,
  )
  const at = Date.now() - count * 1_000
  for (let n = 0; n < count; n++) {
    const peer = `peer-${(n * 7_919) % count}`
    const updatedAt = at + ((n * 104_729) % count) * 1_000
    const messages = n % 50
    insert.run(
      `agent:main:direct:${peer}`,
      peer,
      peer,
      messages,
      messages,
      `The newest message of ${peer}`,
      at,
      updatedAt,
    )
  }
}

const insertMessages = (db: DatabaseSync, count: number): void => {
  const insert = db.prepare(
    "INSERT INTO messages (transcript, run_id, step, role, text, aborted, at) VALUES (?, ?, 0, 'user', ?, 0, ?)",
  )
  for (let n = 0; n < count; n++) insert.run(SESSION_OF_MESSAGES, `run-${n}`, `Message ${n}`, n)
}

const insertEvents = (db: DatabaseSync, count: number): void => {
  const newest = Number(db.prepare("SELECT coalesce(max(seq), 0) AS seq FROM events").get()?.["seq"])
  const insert = db.prepare("INSERT INTO events (seq, at, session_key, event) VALUES (?, ?, NULL, ?)")
  const now = Date.now()
  for (let n = 1; n <= count; n++) insert.run(newest + n, now, `{"_tag":"MemoryRemoved","id":"document-${n}"}`)
}

/** A gateway makes the tables. The bench writes the rows itself, because real conversations would take minutes. */
export const storedRows = async ({ events, messages, sessions }: StoredRows): Promise<string> => {
  const stateDir = temporaryFolder()
  await (await startGateway({ stateDir })).stop()
  await sleep(100)
  const db = new DatabaseSync(join(stateDir, "causeway.db"))
  db.exec("BEGIN")
  insertSessions(db, sessions)
  insertMessages(db, messages)
  insertEvents(db, events)
  db.exec("COMMIT")
  db.close()
  return stateDir
}

export const storedSessions = (count: number): Promise<string> =>
  storedRows({ sessions: count, messages: 0, events: 0 })
