import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run, start } from "../support/GatewayProcess.ts"

it.live("`causeway token` shows and rotates the token, and a running gateway drops the clients with the old one.", () =>
  Effect.gen(function* () {
    const gateway = yield* start({ env: { GATEWAY_MONITOR_INTERVAL_MS: "50" } })
    const { stateDir, token, url } = gateway
    const local = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
      run(["token", ...args, "--state-dir", stateDir], { env })
    expect(yield* local(["show"])).toMatchObject({ code: 0, stdout: `${token}\n`, stderr: "" })

    const configured = { GATEWAY_TOKEN: "configured" }
    expect((yield* local(["show"], configured)).stdout).toBe("configured\n")
    expect(yield* local(["rotate", "--yes"], configured)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("GATEWAY_TOKEN"),
    })

    const tail = yield* gateway.open("tail", "--json")
    yield* tail.prints("CaughtUp")
    expect(yield* local(["rotate"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") })
    expect(yield* local(["rotate", "--yes"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("drops clients with the old token"),
    })
    // The gateway closes the connection, and the old token fails when the client reconnects.
    expect(yield* tail.exit).toMatchObject({ code: 77 })
    expect((yield* run(["status", "--url", url, "--token", token])).code).toBe(77)
    expect(yield* gateway.cli("send", "hello")).toMatchObject({ code: 0, stdout: "echo: hello\n" })
    expect(gateway.stderr()).not.toContain((yield* local(["show"])).stdout.trim())
  }),
)
