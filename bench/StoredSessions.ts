/** Makes the state folder of a gateway with 10,000 conversations. */
import { setTimeout as sleep } from "node:timers/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { startGateway, temporaryFolder } from "./Targets.ts"

export const STORED = 10_000

/** A gateway makes the tables. The bench writes the rows itself, because real conversations would take minutes. */
export const storedSessions = async (count: number): Promise<string> => {
  const stateDir = temporaryFolder()
  await (await startGateway({ stateDir })).stop()
  await sleep(100)
  const db = new DatabaseSync(join(stateDir, "causeway.db"))
  const insert = db.prepare(
    `INSERT INTO sessions (key, agent_id, kind, display_name, channel, peer_id, message_count, history_count,
      last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, 'main', 'direct', ?, 'web', ?, ?, ?, ?, 9, 9, 9, ?, ?)`,
  )
  const at = Date.now() - count * 1_000
  db.exec("BEGIN")
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
  db.exec("COMMIT")
  db.close()
  return stateDir
}
