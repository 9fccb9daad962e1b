/**
 * The upgrade of a database of version 0.1.0, with the real binary. test/fixtures/version-0.1.0 holds it as SQL:
 * `database.sql` is the dump of a database that a gateway of that version wrote and left behind at `kill -9`.
 * `grow.sql` copies its rows until there are 10,001 sessions, 100,005 messages, 50,023 turns and 20,019 events (54 MB).
 *
 * Measured on two cores with a load of 19: the first start takes 9.9 s, of which 2.1 s are processor time. The second start
 * takes 5.2 s (1.5 s). The migration itself takes 0.3 s of processor time.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { connect, type Gateway } from "../../../../src/client/Gateway.ts"
import type { EventItem, Position } from "../../../../src/domain/Event.ts"
import { command, start, temporaryFolder } from "../../../support/GatewayProcess.ts"

const FIXTURE = join(import.meta.dirname, "../../../fixtures/version-0.1.0")

const database = <A>(file: string, use: (db: DatabaseSync) => A): A => {
  const db = new DatabaseSync(file)
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** Makes the state folder of a gateway of version 0.1.0. */
const oldState = Effect.map(temporaryFolder, (folder) => {
  const file = join(folder, "causeway.db")
  database(file, (db) => {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN")
    for (const name of ["database.sql", "grow.sql"]) db.exec(Fs.readFileSync(join(FIXTURE, name), "utf8"))
    db.exec("COMMIT")
  })
  return { folder, file }
})

/** Kills the process when it is about to commit the migration. */
const KILL_AT_COMMIT = `import { DatabaseSync } from "node:sqlite"
const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (sql) {
  if (sql === "COMMIT") process.kill(process.pid, "SIGKILL")
  return exec.call(this, sql)
}`

const count = (db: DatabaseSync, rows: string): unknown => db.prepare(`SELECT count(*) AS n FROM ${rows}`).get()?.["n"]

const client = (url: string, token: string) =>
  Effect.acquireRelease(
    Effect.sync(() => connect({ url: `${url.replace("http", "ws")}/rpc`, token })),
    (gateway) => Effect.promise(() => gateway.close()),
  )

/** Returns the first item of a subscription from the position. */
const joined = (gateway: Gateway, from: Position) =>
  Effect.promise(async (): Promise<EventItem | undefined> => {
    for await (const item of gateway.events({}, from)) return item
    return undefined
  })

const EPOCH = "f7a5cc6b-aa90-4535-81d4-ee40c5cbeb43"

describe("An upgrade from version 0.1.0", () => {
  it.live(
    "A crash in the middle of the migration leaves the old database.",
    () =>
      Effect.gen(function* () {
        const { file, folder } = yield* oldState
        const gateway = yield* command(["start", "--port", "0", "--state-dir", folder], {
          env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(KILL_AT_COMMIT)}` },
        })
        expect(yield* gateway.exit).toMatchObject({ signal: "SIGKILL" })
        // The new rows had reached the disk.
        expect(Fs.statSync(`${file}-wal`).size).toBeGreaterThan(1_000_000)
        database(file, (db) => {
          expect(db.prepare("SELECT max(migration_id) AS version FROM causeway_migrations").get()).toEqual(
            expect.objectContaining({ version: 9 }),
          )
          expect(db.prepare("SELECT epoch, ceiling FROM event_log").get()).toMatchObject({
            epoch: EPOCH,
            ceiling: 200_000,
          })
          expect(count(db, "messages WHERE session_key IS NOT NULL")).toBe(100_005)
          expect(db.prepare("PRAGMA integrity_check").get()).toMatchObject({ integrity_check: "ok" })
        })
      }).pipe(Effect.scoped),
    120_000,
  )

  it.live(
    "The first start keeps every session and message, runs the open turns and resets each client once.",
    () =>
      Effect.gen(function* () {
        const { file, folder } = yield* oldState
        const process = yield* start({ stateDir: folder })
        const gateway = yield* client(process.url, process.token)
        const call = <A>(answer: () => Promise<A>) => Effect.promise(answer)

        const item = yield* joined(gateway, { epoch: EPOCH, seq: 100_101 })
        expect(item).toMatchObject({ _tag: "Joined", reset: "epoch" })
        if (item?._tag !== "Joined") return
        expect(yield* joined(gateway, { epoch: item.epoch, seq: item.seq })).toMatchObject({ reset: null })

        expect(yield* call(() => gateway.call("sessions.list", { limit: 1 }))).toMatchObject({ total: 10_001 })
        const page = { key: "agent:main:direct:peer-10000", limit: 20 }
        const { messages } = yield* call(() => gateway.call("sessions.history", page))
        expect(messages.map(({ text }) => text)).toEqual(
          [1, 2, 3, 4, 5].flatMap((turn) => [`second ${turn}`, `echo: second ${turn}`]),
        )
        const { devices } = yield* call(() => gateway.call("devices.list"))
        expect(devices).toHaveLength(50)
        const bindings = yield* call(() => gateway.call("bindings.list"))
        expect(bindings).toMatchObject({ bindings: [{ agentId: "helper", matchKey: "channel", matchValue: "web" }] })

        for (let peer = 1; peer <= 21; peer++) {
          const wait = { runId: `open-${peer}`, timeoutMs: 60_000 }
          expect(yield* call(() => gateway.call("runs.wait", wait))).toMatchObject({
            state: "done",
            attempt: peer === 1 ? 2 : 1,
            reply: "echo: left open",
          })
        }
        database(file, (db) => {
          // The turn that had begun has its message already. The 20 others add theirs, and all add a reply.
          expect(count(db, "messages")).toBe(100_005 + 20 + 21)
          expect(count(db, "sessions")).toBe(10_001)
          expect(
            count(
              db,
              `sessions s WHERE message_count <>
                (SELECT count(*) FROM messages m WHERE m.transcript = coalesce(s.transcript, s.key))`,
            ),
          ).toBe(0)
        })
      }).pipe(Effect.scoped),
    120_000,
  )
})
