/** The signals of a gateway, also under npm. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { WebSocket } from "ws"
import { isHeld } from "../../src/services/storage/StateLock.ts"
import { machine, temporaryFolder } from "../support/GatewayProcess.ts"
import * as ShellGateway from "../support/ShellGateway.ts"

const ROOT = join(import.meta.dirname, "../..")

/** Starts this package with `npm start`. */
const npmStart = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const stateDir = join(folder, "state")
  const port = yield* ShellGateway.freePort
  const args = ["start", "--", "--port", String(port), "--state-dir", stateDir]
  // A process group of its own lets the finalizer kill all of it.
  const npm = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("npm", args, { cwd: ROOT, detached: true, stdio: "ignore", env: { ...machine, HOME: folder } }),
    ),
    ({ pid }) =>
      Effect.sync(() => {
        try {
          if (pid !== undefined) process.kill(-pid, "SIGKILL")
        } catch {
          // The whole group has ended.
        }
      }),
  )
  const url = `http://127.0.0.1:${port}/ready`
  yield* Effect.promise(() => ShellGateway.until(url, 200))
  return { npm, url, lockFile: join(stateDir, "lock") }
})

describe("SIGTERM", () => {
  it.live("SIGTERM to npm start ends the gateway before npm: the port and the state folder are free.", () =>
    Effect.gen(function* () {
      const { lockFile, npm, url } = yield* npmStart
      const exit = new Promise((resume) => npm.once("exit", resume))
      npm.kill("SIGTERM")
      yield* Effect.promise(() => exit)
      expect(yield* Effect.promise(() => ShellGateway.attempt(url))).toBeUndefined()
      expect(isHeld(lockFile)).toBe(false)
    }),
  )

  it.live("SIGTERM to a shell between npm and the gateway ends the gateway too.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({
        // npm runs a command of a package through such a shell, with the gateway as its child.
        within: ["sh", "-c", 'sh -c "$0"; exit $?'],
        env: { npm_lifecycle_event: "npx" },
      })
      gateway.child.kill("SIGTERM")
      yield* gateway.ended
      expect(isHeld(join(gateway.stateDir, "lock"))).toBe(false)
    }),
  )
})

describe("Ctrl-C under npm", () => {
  it.live("Ctrl-C arrives twice, from the terminal and from npm, and counts as one request to stop.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ env: { npm_lifecycle_event: "start" } })
      // The system would merge two signals of the same kind.
      gateway.signal("SIGINT")
      gateway.signal("SIGTERM")
      expect(yield* gateway.exit).toBe(0)
    }),
  )
})

describe("SIGHUP", () => {
  const secrets = Effect.gen(function* () {
    const tokenFile = join(yield* temporaryFolder, "token")
    const configFile = join(yield* temporaryFolder, "gateway.yaml")
    Fs.writeFileSync(tokenFile, "the-first-token-of-all\n")
    Fs.writeFileSync(configFile, "password: the first password of all\n")
    const gateway = yield* ShellGateway.start({
      env: { GATEWAY_TOKEN_FILE: tokenFile, GATEWAY_CONFIG: configFile },
    })
    return { configFile, gateway, tokenFile }
  })

  it.live("SIGHUP reloads the token and the password, and connections with the old ones close.", () =>
    Effect.gen(function* () {
      const { configFile, gateway, tokenFile } = yield* secrets
      expect(yield* gateway.present("the-first-token-of-all")).toBe(200)
      expect(yield* gateway.present("the first password of all")).toBe(200)
      const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/rpc?token=the-first-token-of-all`)
      const closed = new Promise((resume) => socket.once("close", resume))
      yield* Effect.promise(() => new Promise((resume) => socket.once("open", resume)))
      Fs.writeFileSync(tokenFile, "the-second-token-of-all\n")
      Fs.writeFileSync(configFile, "password: the second password\nlogLevel: debug\n")
      gateway.signal("SIGHUP")
      yield* Effect.promise(() => closed)
      yield* gateway.logs(/reloaded; the next start takes over: logLevel/)
      expect(yield* gateway.present("the-second-token-of-all")).toBe(200)
      expect(yield* gateway.present("the second password")).toBe(200)
      expect(yield* gateway.present("the-first-token-of-all")).toBe(401)
      expect(yield* gateway.present("the first password of all")).toBe(401)
      expect(gateway.stderr()).not.toContain("the-second-token-of-all")
    }),
  )

  it.live("SIGHUP with an invalid configuration changes nothing and logs the problem.", () =>
    Effect.gen(function* () {
      const { configFile, gateway, tokenFile } = yield* secrets
      Fs.writeFileSync(configFile, "drainMs: soon\n")
      Fs.writeFileSync(tokenFile, "the-second-token-of-all\n")
      gateway.signal("SIGHUP")
      yield* gateway.logs(/was not reloaded: drainMs in .*gateway\.yaml/)
      Fs.rmSync(tokenFile)
      gateway.signal("SIGHUP")
      yield* gateway.logs(/was not reloaded: GATEWAY_TOKEN_FILE: .* cannot be read \(ENOENT\)/)
      expect(yield* gateway.present("the-first-token-of-all")).toBe(200)
    }),
  )
})

describe("SIGUSR1 and SIGUSR2", () => {
  it.live("SIGUSR1 and SIGUSR2 neither open a debugger nor end the gateway.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start()
      gateway.signal("SIGUSR1")
      gateway.signal("SIGUSR2")
      expect(yield* gateway.present(gateway.token)).toBe(200)
      gateway.signal("SIGTERM")
      expect(yield* gateway.exit).toBe(0)
      expect(gateway.stderr()).not.toContain("Debugger")
    }),
  )
})
