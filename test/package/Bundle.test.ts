import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { removeOld } from "../../scripts/bundle.ts"
import { program, temporaryFolder } from "../support/GatewayProcess.ts"
import { root } from "../support/Package.ts"

const MINUTE = 60_000

describe("The bundle of the binary", () => {
  it.effect("A build keeps the files of the build before it and removes older ones.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const builtAt = Date.UTC(2026, 0, 1)
      const ages = { "New-1.js": -10 * MINUTE, "Same-1.js": 9 * MINUTE, "Before-1.js": 1_000, "Old-1.js": 5 * MINUTE }
      for (const [name, age] of Object.entries(ages)) {
        Fs.writeFileSync(join(folder, name), "")
        Fs.utimesSync(join(folder, name), (builtAt - age) / 1_000, (builtAt - age) / 1_000)
      }
      removeOld(folder, new Set(["New-1.js", "Same-1.js"]), builtAt)
      expect(Fs.readdirSync(folder).toSorted()).toEqual(["Before-1.js", "New-1.js", "Same-1.js"])
    }),
  )

  it.live("The source runs without a bundle.", () =>
    Effect.gen(function* () {
      const stateDir = join(yield* temporaryFolder, "state")
      const gateway = yield* program(join(root, "src/main.ts"), ["start", "--port", "0", "--state-dir", stateDir])
      yield* gateway.prints("listens on http")
      gateway.signal("SIGTERM")
      expect(yield* gateway.exit).toMatchObject({ code: 0, stderr: expect.stringContaining("listening on") })
    }),
  )
})
