import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"
import { run, start, temporaryFolder } from "../support/GatewayProcess.ts"

/** One line for the person at the terminal, and no stack. */
const oneLine = (stderr: string) => {
  expect(stderr.trimEnd().split("\n")).toHaveLength(1)
  expect(stderr).toMatch(/^causeway: .+: .+\n$/)
  return stderr
}

const startWith = (args: ReadonlyArray<string>, env?: Record<string, string>) =>
  run(["start", "--port", "0", ...args], env === undefined ? {} : { env })

describe("causeway start", () => {
  it.live("says where it listens, where the token is, and commands that work as they are printed", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(gateway.stdout()).toContain(join(gateway.stateDir, "token"))
      const [, printed = ""] = /say +npx causeway (.+)/.exec(gateway.stdout()) ?? []
      const args = [...printed.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "")
      expect(yield* run(args)).toMatchObject({ code: 0, stdout: "echo: hello\n", stderr: "" })
    }),
  )

  it.live("writes its log to standard error, and no token to either", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(gateway.stderr()).toMatch(/INFO +\w+: .*listening on/)
      expect(gateway.stdout()).not.toContain("INFO")
      expect(gateway.token).toMatch(/^\S{32,}$/)
      expect(gateway.stdout() + gateway.stderr()).not.toContain(gateway.token)
    }),
  )

  it.live("writes its log as JSON where it is asked to", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--log-format", "json"] })
      for (const line of gateway.stderr().trimEnd().split("\n")) {
        expect(JSON.parse(line)).toMatchObject({ level: "info" })
      }
    }),
  )

  it.live("keeps what it keeps to the user who started it", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* start()
      expect(Fs.statSync(stateDir).mode & 0o777).toBe(0o700)
      expect(Fs.statSync(join(stateDir, "token")).mode & 0o777).toBe(0o600)
      expect(Fs.statSync(join(stateDir, "causeway.db")).mode & 0o777).toBe(0o600)
    }),
  )

  it.live("ends with 0 where it is not enabled, and says so", () =>
    Effect.gen(function* () {
      const exit = yield* startWith([], { GATEWAY_ENABLED: "false" })
      expect(exit).toMatchObject({ code: 0, stderr: "" })
      expect(exit.stdout).toContain("not enabled")
    }),
  )
})

describe("a gateway that cannot start says why in one line, and ends with 1 (with 2 where options do not fit)", () => {
  it.live("another gateway has the state folder", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* start()
      const exit = yield* startWith(["--state-dir", stateDir])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain(stateDir)
    }),
  )

  it.live("another program has the port", () =>
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

  it.live("the state folder cannot be made", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      const exit = yield* startWith(["--state-dir", join(file, "state")])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain(join(file, "state"))
    }),
  )

  it.live("the database is not one", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      Fs.writeFileSync(join(stateDir, "causeway.db"), "this is not a database".repeat(100))
      const exit = yield* startWith(["--state-dir", stateDir])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain("causeway.db")
    }),
  )

  it.live("the state folder is where the system lets nobody make one", () =>
    Effect.gen(function* () {
      const exit = yield* startWith(["--state-dir", "/proc/causeway"])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain("the state folder /proc/causeway cannot be used")
    }),
  )

  it.live("Node is too old to load it", () =>
    Effect.gen(function* () {
      const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })`
      const exit = yield* startWith([], { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(old)}"` })
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toBe("causeway: Node 20.20.2 is too old: use 22.19 or newer\n")
    }),
  )

  it.live("its user has no home folder and it was given no state folder", () =>
    Effect.gen(function* () {
      // as under a user id that the machine does not know, which some containers give to programs
      const homeless = `import Os from "node:os"; import { syncBuiltinESMExports } from "node:module";
        Os.homedir = () => { throw new Error("uv_os_homedir returned ENOENT") }; syncBuiltinESMExports()`
      const NODE_OPTIONS = `--import "data:text/javascript,${encodeURIComponent(homeless)}"`
      const exit = yield* startWith([], { NODE_OPTIONS })
      expect(exit.code).toBe(2)
      expect(oneLine(exit.stderr)).toMatch(/no home folder for ~\/\.causeway: set GATEWAY_STATE_DIR/)
    }),
  )

  it.live("the configuration file is not YAML, or has what does not fit", () =>
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
      expect(oneLine(misspelt.stderr)).toContain(`runs.concurent in ${file} is no option`)
    }),
  )

  it.live("the clock was set back, unless it is told to take any clock", () =>
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

  it.live("the runtime is not there", () =>
    Effect.gen(function* () {
      const exit = yield* startWith(["--state-dir", yield* temporaryFolder, "--runtime", "oracle"])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toMatch(/no runtime oracle.*echo/)
    }),
  )

  it.live("a secret is short, and other machines reach it; on loopback that is a warning", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const short = { GATEWAY_TOKEN: "s3cret\n", GATEWAY_HOST: "0.0.0.0" }
      const exit = yield* startWith(["--state-dir", stateDir], short)
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toMatch(/the token has 6 characters.* 0\.0\.0\.0: take 16 characters/)
      const password = { GATEWAY_PASSWORD: "fifteen letters", GATEWAY_HOST: "0.0.0.0" }
      expect(oneLine((yield* startWith(["--state-dir", stateDir], password)).stderr)).toContain("password has 15")
      const gateway = yield* start({ stateDir, env: { GATEWAY_TOKEN: "s3cret\n" } })
      expect(gateway.stderr()).toMatch(/WARN .*the token has 6 characters/)
      expect(yield* gateway.cli("status", "--token", "s3cret")).toMatchObject({ code: 0 })
      const answer = yield* Effect.promise(() =>
        fetch(`${gateway.url}/api/status`, { headers: { authorization: "Bearer s3cret" } }),
      )
      expect(answer.status).toBe(200)
    }),
  )

  it.live("everybody on the network could use it", () =>
    Effect.gen(function* () {
      const exit = yield* startWith(["--state-dir", yield* temporaryFolder, "--host", "0.0.0.0", "--auth", "none"])
      expect(exit.code).toBe(1)
      expect(oneLine(exit.stderr)).toContain("0.0.0.0")
    }),
  )
})

describe("the command line", () => {
  it.live("ends with 2 where it is not understood, and says where to look", () =>
    Effect.gen(function* () {
      for (const args of [["bogus"], ["send"], ["send", "hello", "--bogus", "1"], ["status", "--url", "no url"]]) {
        const { code, stderr, stdout } = yield* run(args)
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" })
        expect(stderr.trimEnd().split("\n")).toHaveLength(1)
      }
    }),
  )

  it.live("guesses what was meant, and says what a value should have been", () =>
    Effect.gen(function* () {
      const told = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
        const { code, stderr } = yield* run(args)
        expect(code).toBe(2)
        return stderr
      })
      expect(yield* told("strat")).toContain("Did you mean start?")
      expect(yield* told("send", "hello", "--sesion", "work")).toContain("Did you mean --session?")
      expect(yield* told("tail", "--from", "12")).toContain("Expected: epoch:seq.")
      expect(yield* told("start", "--port", "many")).toContain('--port is "many": expected number')
    }),
  )

  it.live("explains itself, every command and every exit code", () =>
    Effect.gen(function* () {
      const help = yield* run(["--help"])
      expect(help.code).toBe(0)
      for (const word of ["start", "send", "status", "69", "77"]) expect(help.stdout).toContain(word)
      const startHelp = yield* run(["start", "--help"])
      expect(startHelp.stdout).toContain("--state-dir")
    }),
  )

  it.live("ends with 69 where no gateway answers", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run(["send", "hello", "--url", "127.0.0.1:9"])
      expect(code).toBe(69)
      expect(oneLine(stderr)).toContain("127.0.0.1:9")
    }),
  )

  it.live("ends with 77 where the token is refused, and does not show it", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { code, stderr } = yield* gateway.cli("status", "--token", "not-the-token")
      expect(code).toBe(77)
      expect(oneLine(stderr)).not.toContain("not-the-token")
    }),
  )

  it.live("says so where there is no token to present, or none that it may read", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const stranger = yield* run(["status", "--url", gateway.url, "--state-dir", "/nowhere"])
      expect(stranger.code).toBe(77)
      expect(oneLine(stranger.stderr)).toContain("asks for a token")
      const folder = yield* temporaryFolder
      Fs.mkdirSync(join(folder, "token"))
      const unreadable = yield* run(["status", "--url", gateway.url, "--state-dir", folder])
      expect(oneLine(unreadable.stderr)).toContain(`the token file ${join(folder, "token")} is a folder`)
    }),
  )

  it.live("says so where another protocol is spoken at the path", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const elsewhere = yield* run(["status", "--url", `${gateway.url}/other`, "--token", gateway.token])
      expect(elsewhere.code).toBe(69)
      expect(oneLine(elsewhere.stderr)).toMatch(/\/other\/rpc was closed 1008 .*without a path/)
    }),
  )

  it.live("The token that the gateway makes is never locked out.", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ env: { GATEWAY_LIMITS_AUTH_FAILURES: "1" } })
      for (let i = 0; i < 2; i++) yield* gateway.cli("status", "--token", "wrong")
      expect((yield* gateway.cli("status")).code).toBe(0)
    }),
  )

  it.live("says so where the address is locked out", () =>
    Effect.gen(function* () {
      const token = "a-token-that-people-make"
      const gateway = yield* start({ env: { GATEWAY_LIMITS_AUTH_FAILURES: "1", GATEWAY_TOKEN: token } })
      yield* gateway.cli("status", "--token", "wrong")
      const locked = yield* gateway.cli("status", "--token", token)
      expect(locked.code).toBe(77)
      expect(oneLine(locked.stderr)).toMatch(/too many wrong tokens came from this address: .*wait/)
    }),
  )
})
