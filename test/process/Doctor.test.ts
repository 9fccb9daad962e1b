/** What `causeway doctor` finds, in places where something is wrong. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { run, start, temporaryFolder } from "../support/GatewayProcess.ts"

interface Check {
  readonly name: string
  readonly fact?: string
  readonly problem?: string
  readonly remedy?: string
}

const doctor = Effect.fnUntraced(function* (stateDir: string, env: Record<string, string> = {}) {
  const { code, stdout } = yield* run(["doctor", "--json", "--state-dir", stateDir], {
    env: { GATEWAY_PORT: "0", ...env },
  })
  const { checks } = JSON.parse(stdout) as { checks: ReadonlyArray<Check> }
  return { code, wrong: checks.filter(({ problem }) => problem !== undefined), checks }
})

/** The one thing that is wrong. */
const diagnosis = Effect.fnUntraced(function* (stateDir: string, env?: Record<string, string>) {
  const { code, wrong } = yield* doctor(stateDir, env)
  expect(code).toBe(1)
  expect(wrong).toHaveLength(1)
  expect(wrong[0]?.remedy).toMatch(/\w/)
  return `${wrong[0]?.name}: ${wrong[0]?.problem}`
})

/** A folder in which a gateway was, and is no more. */
const used = Effect.gen(function* () {
  const stateDir = join(yield* temporaryFolder, "state")
  const gateway = yield* start({ stateDir })
  yield* gateway.cli("send", "hello")
  gateway.signal("SIGTERM")
  yield* gateway.exit
  return stateDir
})

describe("causeway doctor", () => {
  it.live("finds nothing wrong where nothing was yet, and makes nothing", () =>
    Effect.gen(function* () {
      const stateDir = join(yield* temporaryFolder, "state")
      expect(yield* doctor(stateDir)).toMatchObject({ code: 0, wrong: [] })
      expect(Fs.existsSync(stateDir)).toBe(false)
    }),
  )

  it.live("finds nothing wrong where a gateway was, or runs", () =>
    Effect.gen(function* () {
      const stateDir = yield* used
      expect(yield* doctor(stateDir)).toMatchObject({ code: 0, wrong: [] })
      const gateway = yield* start({ stateDir })
      const { checks, code } = yield* doctor(stateDir, { GATEWAY_PORT: String(gateway.port) })
      expect(code).toBe(0)
      expect(checks.find(({ name }) => name === "port")?.fact).toContain("a gateway answers")
      expect(yield* gateway.cli("send", "still there")).toMatchObject({ code: 0 })
    }),
  )

  it.live("says it in lines for people", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(["doctor", "--state-dir", yield* used], { env: { GATEWAY_PORT: "0" } })
      expect(code).toBe(0)
      expect(stdout).toMatch(/^ok +node +\d+/)
      expect(stdout).toMatch(/^ok +database +whole/m)
    }),
  )

  it.live("finds options that do not fit", () =>
    Effect.gen(function* () {
      expect(yield* diagnosis(yield* temporaryFolder, { GATEWAY_DRAIN_MS: "soon" })).toMatch(
        /^configuration: GATEWAY_DRAIN_MS/,
      )
    }),
  )

  it.live("finds a state folder that is a file", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      expect(yield* diagnosis(join(file, "state"))).toBe(`state folder: ${file} is no folder`)
    }),
  )

  it.live("finds files that others may read", () =>
    Effect.gen(function* () {
      const stateDir = yield* used
      Fs.chmodSync(join(stateDir, "token"), 0o644)
      expect(yield* diagnosis(stateDir)).toBe(`secrecy: others may read ${join(stateDir, "token")}`)
    }),
  )

  it.live("finds a database that is damaged, or none", () =>
    Effect.gen(function* () {
      const stateDir = yield* used
      const file = join(stateDir, "causeway.db")
      const bytes = Fs.readFileSync(file)
      Fs.writeFileSync(file, Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096, 7)]))
      expect(yield* diagnosis(stateDir)).toMatch(/^database: .*causeway\.db is damaged/)
      Fs.writeFileSync(file, "this is not a database".repeat(100))
      expect(yield* diagnosis(stateDir)).toMatch(/^database: .*not a database/)
    }),
  )

  it.live("finds a database that a newer version has changed", () =>
    Effect.gen(function* () {
      const stateDir = yield* used
      const db = new DatabaseSync(join(stateDir, "causeway.db"))
      db.exec("INSERT INTO causeway_migrations (migration_id, name) VALUES (99, 'future')")
      db.close()
      expect(yield* diagnosis(stateDir)).toMatch(/^database: the database has schema version 99/)
    }),
  )

  it.live("finds a clock that was set back", () =>
    Effect.gen(function* () {
      const stateDir = yield* used
      const db = new DatabaseSync(join(stateDir, "causeway.db"))
      db.exec("UPDATE events SET at = at + 86400000")
      db.close()
      expect(yield* diagnosis(stateDir)).toMatch(/^clock: the clock is \d+ s behind the newest event/)
    }),
  )

  it.live("finds a port that another program has", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.callback<{ port: number; close: () => void }>((resume) => {
          const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" ? (address?.port ?? 0) : 0
            resume(Effect.succeed({ port, close: () => server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close),
      )
      const found = yield* diagnosis(yield* temporaryFolder, { GATEWAY_PORT: String(port.port) })
      expect(found).toBe(`port: port ${port.port} is taken by another program`)
    }),
  )

  it.live("finds a gateway that runs at another port than the configuration says", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* start()
      expect(yield* diagnosis(stateDir, { GATEWAY_PORT: "9" })).toMatch(
        /^port: a gateway has the state folder, but none/,
      )
    }),
  )
})
