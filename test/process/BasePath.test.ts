/** The commands against a gateway below a base path. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run, start } from "../support/GatewayProcess.ts"

describe("a gateway below a base path", () => {
  it.live("prints its whole address, and commands find it by that address or by the same configuration", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--base-path", "/causeway"] })
      expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/causeway$/)
      expect(gateway.stdout()).toContain(`--url ${gateway.url}`)
      expect(yield* gateway.cli("send", "hello")).toMatchObject({ code: 0, stdout: "echo: hello\n" })
      const env = { GATEWAY_BASE_PATH: "/causeway", GATEWAY_PORT: String(gateway.port) }
      const configured = { env: { ...env, GATEWAY_STATE_DIR: gateway.stateDir } }
      expect(yield* run(["send", "again"], configured)).toMatchObject({ code: 0, stdout: "echo: again\n" })
      expect((yield* run(["doctor"], configured)).stdout).toContain("a gateway answers at")
      expect((yield* fetchHealth(`${gateway.url}/health`)).status).toBe(200)
    }),
  )

  it.live("is refused with a path that no request could name", () =>
    Effect.gen(function* () {
      for (const basePath of ["causeway", "/causeway/", "/", "/a/../b", "/a b"]) {
        const { code, stderr } = yield* run(["start", "--port", "0", "--base-path", basePath])
        expect(code).toBe(2)
        expect(stderr).toContain("a path such as /causeway, without a slash at its end")
      }
    }),
  )
})

const fetchHealth = (url: string) => Effect.promise(() => fetch(url))
