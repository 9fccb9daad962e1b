/**
 * A process that writes to PostgreSQL as fast as it can, for tests that kill it: `node PostgresLoad.ts <url> <name>`. It
 * prints `done <id>` after each acknowledgement, besides its log. Works of one lane follow each other.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeSync } from "node:fs"
import { open } from "../../src/services/storage/postgres/PostgresStorage.ts"
import { type Committed, type PendingWork, StorageBusy } from "../../src/services/storage/Storage.ts"
import { Tx } from "../../src/services/storage/Tx.ts"

const LANES = 16

const [url = "", name = ""] = process.argv.slice(2)

/** Writes a row and its event. The id is `<name>/<lane>/<number>`. */
const work = (lane: number, number: number): PendingWork => {
  const id = `${name}/${lane}/${number}`
  const put = Effect.flatMap(Tx, (tx) => tx.documents.put([{ id, size: number, modifiedAt: 1 }]))
  return { name, key: String(lane), work: Effect.as(put, [id, [{ _tag: "AgentRemoved", agentId: id }]] as const) }
}

const program = Effect.gen(function* () {
  const retention = { rows: 1_000_000, ageMs: 1e12 }
  const { storage } = yield* open({ url: Redacted.make(url), retention, waitMs: 60_000 })
  let published = storage.newest.number
  const write = (group: ReadonlyArray<PendingWork>) =>
    storage
      .write(group, { at: 1, published, onForeign: (rows) => (published = rows.at(-1)?.number ?? published) })
      .pipe(
        Effect.retry({
          while: (error) => {
            if (!(error instanceof StorageBusy)) return false
            return Effect.as(Effect.sleep(error.pauseMs), true)
          },
        }),
      )
  for (let number = 0; ; number++) {
    const exits = yield* write(Array.from({ length: LANES }, (_, lane) => work(lane, number)))
    for (const exit of exits) {
      const { answer, rows }: Committed = yield* exit
      published = rows.at(-1)?.number ?? published
      writeSync(1, `done ${String(answer)}\n`)
    }
  }
})

await Effect.runPromise(Effect.scoped(Effect.orDie(program)))
