import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { ownFolder } from "../../../src/cli/process/CompileCache.ts"
import { run, start, temporaryFolder } from "../../support/GatewayProcess.ts"

const user = process.geteuid?.()

/** A cache home that only this user may write. */
const home = Effect.map(temporaryFolder, (folder) => Fs.realpathSync(folder))

const inHome = (folder: string, by = user) => ownFolder({ XDG_CACHE_HOME: folder }, by)

describe("CompileCache", () => {
  it.effect("The folder is below XDG_CACHE_HOME, with access for its user only.", () =>
    Effect.gen(function* () {
      const folder = yield* home
      const umask = process.umask(0)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(umask)))
      expect(inHome(join(folder, "cache"))).toBe(join(folder, "cache", "causeway"))
      expect(Fs.statSync(join(folder, "cache")).mode & 0o777).toBe(0o700)
      expect(Fs.statSync(join(folder, "cache", "causeway")).mode & 0o777).toBe(0o700)
      expect(inHome(join(folder, "cache"))).toBe(join(folder, "cache", "causeway"))
    }),
  )

  it.effect("A folder that others may read or write, or that is a link, is not used.", () =>
    Effect.gen(function* () {
      const folder = yield* home
      Fs.mkdirSync(join(folder, "causeway"))
      Fs.chmodSync(join(folder, "causeway"), 0o770)
      expect(inHome(folder)).toBeUndefined()
      Fs.rmdirSync(join(folder, "causeway"))
      Fs.mkdirSync(join(folder, "elsewhere"), { mode: 0o700 })
      Fs.symlinkSync("elsewhere", join(folder, "causeway"))
      expect(inHome(folder)).toBeUndefined()
    }),
  )

  it.effect("A folder of another user is not used.", () =>
    Effect.gen(function* () {
      const folder = yield* home
      expect(inHome(folder)).toBeDefined()
      expect(inHome(folder, (user ?? 0) + 1)).toBeUndefined()
    }),
  )

  it.effect("A folder that others may replace, or whose parent they may replace, is not used.", () =>
    Effect.gen(function* () {
      const folder = yield* home
      const shared = join(folder, "shared")
      Fs.mkdirSync(join(shared, "cache"), { recursive: true })
      expect(inHome(join(shared, "cache"))).toBeDefined()
      Fs.chmodSync(shared, 0o777)
      expect(inHome(join(shared, "cache"))).toBeUndefined()
      // As in /tmp: others may write, but not replace the folders of this user.
      Fs.chmodSync(shared, 0o1777)
      expect(inHome(join(shared, "cache"))).toBeDefined()
    }),
  )

  it.effect("Without a home folder there is no cache.", () =>
    Effect.sync(() => {
      expect(inHome("/nowhere/cache")).toBeUndefined()
      expect(Fs.existsSync("/nowhere")).toBe(false)
    }),
  )

  it.live("A command writes its cache there and nothing into the shared temporary folder.", () =>
    Effect.gen(function* () {
      const folder = yield* home
      const temporary = join(folder, "tmp")
      const cache = join(folder, "cache")
      Fs.mkdirSync(temporary)
      expect(yield* run(["--version"], { env: { TMPDIR: temporary, XDG_CACHE_HOME: cache } })).toMatchObject({
        code: 0,
      })
      expect(Fs.readdirSync(temporary)).toEqual([])
      expect(Fs.readdirSync(join(cache, "causeway"))).toHaveLength(1)
    }),
  )

  it.live("A gateway that is killed leaves its cache for the next start.", () =>
    Effect.gen(function* () {
      const cache = yield* home
      const gateway = yield* start({ env: { XDG_CACHE_HOME: cache } })
      gateway.signal("SIGKILL")
      yield* gateway.exit
      const sizes = Fs.readdirSync(join(cache, "causeway"), { recursive: true, encoding: "utf8" }).map(
        (file) => Fs.statSync(join(cache, "causeway", file)).size,
      )
      // The command line and the gateway.
      expect(sizes.filter((size) => size > 500_000)).toHaveLength(2)
    }),
  )
})
