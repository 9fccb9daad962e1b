import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"
import { run, SharedGateway, start, temporaryFolder } from "../support/GatewayProcess.ts"

/** A slow machine makes a change slow, and the log says so. */
const slowChange = /^.* WARN .*held up all others.*\n/gm

/** Checks that standard error has one line and no stack, and returns it. */
const oneLine = (output: string) => {
  const stderr = output.replace(slowChange, "")
  expect(stderr.trimEnd().split("\n")).toHaveLength(1)
  expect(stderr).toMatch(/^causeway: .+: .+\n$/)
  return stderr
}

const startWith = (args: ReadonlyArray<string>, env?: Record<string, string>) =>
  run(["start", "--port", "0", ...args], env === undefined ? {} : { env })

layer(SharedGateway.layer({ args: ["--log-format", "json"], env: { GATEWAY_LIMITS_AUTH_FAILURES: "1" } }), {
  excludeTestServices: true,
})("causeway start", (it) => {
  it.effect("The banner has the address, the place of the token and commands that work as printed.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(gateway.stdout()).toContain(join(gateway.stateDir, "token"))
      const [, printed = ""] = /send +causeway (.+)/.exec(gateway.stdout()) ?? []
      const args = [...printed.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "")
      expect(yield* run(args)).toMatchObject({ code: 0, stdout: "echo: hello\n", stderr: "" })
    }),
  )

  it.effect("The log goes to standard error, as JSON with --log-format json, without the token.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      expect(gateway.stderr()).toContain("listening on")
      for (const line of gateway.stderr().trimEnd().split("\n")) {
        expect(JSON.parse(line)).toMatchObject({ level: expect.stringMatching(/info|warn/) })
      }
      expect(gateway.stdout()).not.toContain("listening on")
      expect(gateway.token).toMatch(/^\S{32,}$/)
      expect(gateway.stdout() + gateway.stderr()).not.toContain(gateway.token)
    }),
  )

  it.effect("Only the user who started the gateway may read its files.", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* SharedGateway
      expect(Fs.statSync(stateDir).mode & 0o777).toBe(0o700)
      expect(Fs.statSync(join(stateDir, "token")).mode & 0o777).toBe(0o600)
      expect(Fs.statSync(join(stateDir, "causeway.db")).mode & 0o777).toBe(0o600)
    }),
  )

  it.effect("A second gateway with the same state folder does not start.", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* SharedGateway
      const exit = yield* startWith(["--state-dir", stateDir])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain(stateDir)
    }),
  )

  it.effect("The token that the gateway makes is never locked out.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      for (let i = 0; i < 2; i++) yield* gateway.cli("status", "--token", "wrong")
      expect((yield* gateway.cli("status")).code).toBe(0)
    }),
  )

  it.effect("A disabled gateway exits with 0 and one line.", () =>
    Effect.gen(function* () {
      const exit = yield* startWith([], { GATEWAY_ENABLED: "false" })
      expect(exit).toMatchObject({ code: 0, stdout: "The gateway is disabled (option `enabled`).\n", stderr: "" })
    }),
  )
})

describe("A gateway that cannot start exits with one line", () => {
  it.live("The port belongs to another program.", () =>
    Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.callback<{ port: number; close: () => void }>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" ? (address?.port ?? 0) : 0
            resume(Effect.succeed({ port, close: () => server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close),
      )
      const exit = yield* run(["start", "--port", String(other.port), "--state-dir", yield* temporaryFolder])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr.replace(/^.* INFO .*\n/gm, ""))).toContain(`port ${other.port}`)
    }),
  )

  it.live("The state folder cannot be created.", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      const exit = yield* startWith(["--state-dir", join(file, "state")])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain(join(file, "state"))
    }),
  )

  it.live("The database file is not a database.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      Fs.writeFileSync(join(stateDir, "causeway.db"), "this is not a database".repeat(100))
      const exit = yield* startWith(["--state-dir", stateDir])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain("causeway.db")
    }),
  )

  it.live("Node is too old.", () =>
    Effect.gen(function* () {
      const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })`
      const exit = yield* startWith([], { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(old)}"` })
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toBe("causeway: Node 20.20.2 is too old: install Node 22.19 or newer\n")
    }),
  )

  it.live("The user has no home folder, and no option sets the state folder.", () =>
    Effect.gen(function* () {
      // Some containers run programs under an unknown user id, which has no home folder.
      const homeless = `import Os from "node:os"; import { syncBuiltinESMExports } from "node:module";
        Os.homedir = () => { throw new Error("uv_os_homedir returned ENOENT") }; syncBuiltinESMExports()`
      const NODE_OPTIONS = `--import "data:text/javascript,${encodeURIComponent(homeless)}"`
      const exit = yield* startWith([], { NODE_OPTIONS })
      expect(exit.code).toBe(2)
      expect(oneLine(exit.stderr)).toMatch(/no home folder for ~\/\.causeway: set GATEWAY_STATE_DIR/)
    }),
  )

  it.live("The configuration file is not YAML or has an unknown option.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "gateway.yaml")
      Fs.writeFileSync(file, "port: [")
      const broken = yield* startWith(["--state-dir", folder, "--config", file])
      expect(broken.code).toBe(2)
      expect(oneLine(broken.stderr)).toContain(file)
      Fs.writeFileSync(file, "gateway:\n  runs:\n    concurent: 4\n")
      const misspelt = yield* startWith(["--state-dir", folder], { GATEWAY_CONFIG: file })
      expect(misspelt.code).toBe(2)
      expect(oneLine(misspelt.stderr)).toContain(
        `unknown option runs.concurent in ${file} (did you mean "runs.concurrent"?)`,
      )
    }),
  )

  it.live("The clock was set back, unless the configuration accepts any clock.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      yield* Effect.scoped(start({ stateDir }))
      const db = new DatabaseSync(join(stateDir, "causeway.db"))
      db.exec("UPDATE events SET at = at + 86400000")
      db.close()
      const exit = yield* startWith(["--state-dir", stateDir])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toMatch(/the clock is \d+ s behind the newest event.*set the clock/)
      yield* Effect.scoped(start({ stateDir, env: { GATEWAY_CLOCK: "any" } }))
    }),
  )

  it.live("The runtime does not exist.", () =>
    Effect.gen(function* () {
      const exit = yield* startWith(["--state-dir", yield* temporaryFolder, "--runtime", "oracle"])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toMatch(/no runtime oracle.*echo/)
    }),
  )

  it.live("A secret is short and other machines reach the gateway.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const token = yield* startWith(["--state-dir", stateDir], { GATEWAY_TOKEN: "s3cret\n", GATEWAY_HOST: "0.0.0.0" })
      expect(token.code).toBe(1)
      expect(oneLine(token.stderr)).toMatch(/the token has 6 characters.* 0\.0\.0\.0: .*16/)
      const password = { GATEWAY_PASSWORD: "fifteen letters", GATEWAY_HOST: "0.0.0.0" }
      expect(oneLine((yield* startWith(["--state-dir", stateDir], password)).stderr)).toContain("password has 15")
    }),
  )

  it.live("The gateway requires no token and other machines reach it.", () =>
    Effect.gen(function* () {
      const exit = yield* startWith(["--state-dir", yield* temporaryFolder, "--host", "0.0.0.0", "--auth", "none"])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain("0.0.0.0")
    }),
  )
})

it.live("A gateway on loopback starts with a short secret and logs a warning.", () =>
  Effect.gen(function* () {
    const gateway = yield* start({ env: { GATEWAY_TOKEN: "s3cret\n" } })
    expect(gateway.stderr()).toMatch(/WARN .*the token has 6 characters/)
    expect(yield* gateway.cli("status", "--token", "s3cret")).toMatchObject({ code: 0 })
    const response = yield* Effect.promise(() =>
      fetch(`${gateway.url}/api/status`, { headers: { authorization: "Bearer s3cret" } }),
    )
    expect(response.status).toBe(200)
  }),
)
