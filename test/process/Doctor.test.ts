import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { run, temporaryFolder } from "../support/GatewayProcess.ts"

const doctor = Effect.fnUntraced(function* (env: Record<string, string>, ...args: ReadonlyArray<string>) {
  return yield* run(["doctor", "--state-dir", join(yield* temporaryFolder, "state"), ...args], {
    env: { GATEWAY_PORT: "0", ...env },
  })
})

it.live("`causeway doctor` prints a line for each check and exits with 0 if none has a problem.", () =>
  Effect.gen(function* () {
    const { code, stderr, stdout } = yield* doctor({})
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/^ok +node +\d+/)
    expect(stdout).toMatch(/^ok +database +none yet/m)
  }),
)

it.live("`causeway doctor` prints the problem with the next step and exits with 1.", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "file")
    Fs.writeFileSync(file, "")
    const { code, stderr, stdout } = yield* run(["doctor", "--state-dir", join(file, "state")], {
      env: { GATEWAY_PORT: "0" },
    })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^WRONG +state folder +.* is not a folder: move the file away/m)
    expect(stderr).toBe("causeway: 1 problem found: follow the steps above\n")
  }),
)

it.live("`causeway doctor` reports invalid options, with --json as JSON.", () =>
  Effect.gen(function* () {
    const { code, stdout } = yield* doctor({ GATEWAY_DRAIN_MS: "soon" }, "--json")
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      checks: [{ name: "configuration", problem: expect.stringMatching(/^GATEWAY_DRAIN_MS/) }],
    })
  }),
)
