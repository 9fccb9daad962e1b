import { describe, expect, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { runChecks } from "../../../src/cli/process/DoctorChecks.ts"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { cli } from "../../support/CommandLine.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const checksOf = Effect.fnUntraced(function* (options: GatewayOptions) {
  return yield* runChecks(yield* Schema.decodeEffect(GatewaySettings)({ port: 0, ...options }))
})

const check = Effect.fnUntraced(function* (name: string, options: GatewayOptions) {
  return (yield* checksOf(options)).find((check) => check.name === name)
})

/** Returns the one problem of a state folder, as `name: problem`. */
const diagnosis = Effect.fnUntraced(function* (stateDir: string, options: GatewayOptions = {}) {
  const problems = (yield* checksOf({ stateDir, ...options })).flatMap((check) => ("problem" in check ? [check] : []))
  expect(problems).toHaveLength(1)
  expect(problems[0]?.remedy).toMatch(/\w/)
  return `${problems[0]?.name}: ${problems[0]?.problem}`
})

const secrecyOf = Effect.fnUntraced(function* (stateDir: string) {
  const found = yield* check("secrecy", { stateDir })
  return found !== undefined && "problem" in found ? found : { problem: undefined, remedy: undefined }
})

/** A state folder with a conversation, whose gateway has stopped. */
class UsedFolder extends Context.Service<UsedFolder, string>()("causeway/test/UsedFolder") {
  static readonly layer = Layer.effect(
    UsedFolder,
    Effect.tap(temporaryFolder, (stateDir) =>
      Effect.scoped(Effect.provide(cli("send", "hello"), TestGateway.layer({ stateDir }))),
    ),
  )
}

const copyOfUsed = Effect.gen(function* () {
  const stateDir = join(yield* temporaryFolder, "state")
  Fs.cpSync(yield* UsedFolder, stateDir, { recursive: true })
  // A copy has the modes of files, but not those of folders.
  Fs.chmodSync(stateDir, 0o700)
  Fs.chmodSync(join(stateDir, "memory"), 0o700)
  return stateDir
})

const openDatabase = (stateDir: string) => new DatabaseSync(join(stateDir, "causeway.db"))

/** Listens on a free port until the scope closes. Returns the port. */
const otherProgram = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ port: number; close: () => void }>((resume) => {
      const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? (address?.port ?? 0) : 0
        resume(Effect.succeed({ port, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close),
  ),
  ({ port }) => port,
)

layer(UsedFolder.layer, { excludeTestServices: true })("DoctorChecks", (it) => {
  it.effect("A missing state folder is no problem, and the checks do not create it.", () =>
    Effect.gen(function* () {
      const stateDir = join(yield* temporaryFolder, "state")
      expect((yield* checksOf({ stateDir })).filter((check) => "problem" in check)).toEqual([])
      expect(Fs.existsSync(stateDir)).toBe(false)
    }),
  )

  it.effect("The folder of a stopped gateway has no problem.", () =>
    Effect.gen(function* () {
      const checks = yield* checksOf({ stateDir: yield* copyOfUsed })
      expect(checks.filter((check) => "problem" in check)).toEqual([])
      expect(checks.find(({ name }) => name === "database")).toMatchObject({ fact: expect.stringMatching(/^intact/) })
    }),
  )

  it.effect("A gateway that answers at its port is no problem.", () =>
    Effect.gen(function* () {
      const { port, stateDir } = yield* TestGateway.TestGateway
      expect(yield* check("port", { stateDir, port })).toMatchObject({
        fact: `a gateway answers at 127.0.0.1:${port}`,
      })
      expect(yield* check("port", { stateDir, port: 9 })).toMatchObject({
        problem: "a gateway uses the state folder, but none answers at 127.0.0.1:9",
      })
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.effect("The checks report a port of another program.", () =>
    Effect.gen(function* () {
      const port = yield* otherProgram
      expect(yield* diagnosis(yield* temporaryFolder, { port })).toBe(`port: another program uses port ${port}`)
    }),
  )

  it.effect("The checks report a state folder that is a file.", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      expect(yield* diagnosis(join(file, "state"))).toBe(`state folder: ${file} is not a folder`)
    }),
  )

  it.effect("The checks report a damaged database, and a file that is no database.", () =>
    Effect.gen(function* () {
      const stateDir = yield* copyOfUsed
      const file = join(stateDir, "causeway.db")
      const bytes = Fs.readFileSync(file)
      Fs.writeFileSync(file, Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096, 7)]))
      expect(yield* diagnosis(stateDir)).toMatch(/^database: .*causeway\.db is damaged/)
      Fs.writeFileSync(file, "this is not a database".repeat(100))
      expect(yield* diagnosis(stateDir)).toMatch(/^database: .*not a database/)
    }),
  )

  it.effect("The checks report a database of a newer version.", () =>
    Effect.gen(function* () {
      const stateDir = yield* copyOfUsed
      const db = openDatabase(stateDir)
      db.exec("INSERT INTO causeway_migrations (migration_id, name) VALUES (99, 'future')")
      db.close()
      expect(yield* diagnosis(stateDir)).toMatch(/^database: the database has schema version 99/)
    }),
  )

  it.effect("The checks report a clock behind the newest event.", () =>
    Effect.gen(function* () {
      const stateDir = yield* copyOfUsed
      const db = openDatabase(stateDir)
      db.exec("UPDATE events SET at = at + 86400000")
      db.close()
      expect(yield* diagnosis(stateDir)).toMatch(/^clock: the clock is \d+ s behind the newest event/)
    }),
  )

  it.effect("The configuration's check notes a key that goes to the internet over plain http.", () =>
    Effect.gen(function* () {
      const providers = { fast: { baseUrl: "http://api.example.org/v1", apiKey: "sk-of-the-provider" } }
      expect(yield* check("configuration", { stateDir: yield* temporaryFolder, providers })).toMatchObject({
        fact: expect.stringContaining("sends its key to api.example.org over plain http"),
      })
    }),
  )

  it.effect("A short secret is a problem if other machines reach the gateway, and a note on loopback.", () =>
    Effect.gen(function* () {
      const options = { stateDir: yield* temporaryFolder, token: "fifteen letters" }
      expect(yield* check("configuration", { ...options, host: "127.0.0.1" })).toMatchObject({
        fact: expect.stringContaining("the token has 15 characters"),
      })
      expect(yield* check("configuration", { ...options, host: "0.0.0.0" })).toMatchObject({
        problem: expect.stringMatching(/^the token has 15 characters.*0\.0\.0\.0/),
      })
      const long = { ...options, host: "0.0.0.0", token: "sixteen letters!" }
      expect(yield* check("configuration", long)).toMatchObject({ fact: "listens on 0.0.0.0:0, auth token" })
    }),
  )

  describe("secrecy", () => {
    const NAMES = ["causeway.db-wal", "token", "identity.pem", "lock", "memory", join("memory", "note.md")]

    /** A state folder with the files of a gateway. */
    const folder = Effect.map(temporaryFolder, (folder) => {
      Fs.mkdirSync(join(folder, "memory"), { mode: 0o700 })
      for (const name of NAMES.filter((name) => name !== "memory"))
        Fs.writeFileSync(join(folder, name), "", { mode: 0o600 })
      return folder
    })

    it.effect("The check reports each file and folder that other users may read.", () =>
      Effect.gen(function* () {
        const stateDir = yield* folder
        expect((yield* secrecyOf(stateDir)).problem).toBeUndefined()
        for (const name of NAMES) {
          Fs.chmodSync(join(stateDir, name), 0o755)
          expect((yield* secrecyOf(stateDir)).problem).toBe(`other users may read ${join(stateDir, name)}`)
          Fs.chmodSync(join(stateDir, name), 0o700)
        }
      }),
    )

    it.effect("The check lists three of many files and asks for a new token if the token was readable.", () =>
      Effect.gen(function* () {
        const stateDir = yield* folder
        for (const name of NAMES) Fs.chmodSync(join(stateDir, name), 0o755)
        const { problem, remedy } = yield* secrecyOf(stateDir)
        expect(problem).toMatch(/^other users may read .*causeway\.db-wal, .*token, .*identity\.pem and 3 more$/)
        expect(remedy).toBe(`chmod go-rwx -R ${stateDir}; then \`causeway token rotate\``)
      }),
    )

    it.effect("The check reports a folder whose files other users may replace.", () =>
      Effect.gen(function* () {
        const stateDir = yield* folder
        Fs.chmodSync(stateDir, 0o777)
        expect((yield* secrecyOf(stateDir)).problem).toBe(`other users may write ${stateDir} and replace its files`)
      }),
    )

    it.effect.runIf(process.getuid?.() === 0)("The check reports a file of a user other than the folder's.", () =>
      Effect.gen(function* () {
        const stateDir = yield* folder
        Fs.chownSync(stateDir, 65_534, 65_534)
        for (const name of NAMES) Fs.chownSync(join(stateDir, name), 65_534, 65_534)
        expect((yield* secrecyOf(stateDir)).problem).toBeUndefined()
        Fs.chownSync(join(stateDir, "token"), 12_345, 12_345)
        expect((yield* secrecyOf(stateDir)).problem).toBe(`${join(stateDir, "token")} belongs to another user`)
      }),
    )
  })
})
