/** A gateway keeps running in any state of its standard output and standard error. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as ShellGateway from "../support/ShellGateway.ts"

/** Sends requests that each add a line to the log, and stops the gateway. */
const keepsRunning = Effect.fnUntraced(function* (
  gateway: Effect.Success<ReturnType<typeof ShellGateway.start>>,
  requests = 5,
) {
  for (let request = 0; request < requests; request++) expect(yield* gateway.present("wrong")).toBe(401)
  expect(yield* gateway.present(gateway.token)).toBe(200)
  gateway.signal("SIGTERM")
  yield* gateway.ended
})

describe("StandardStreams", () => {
  it.live("A gateway keeps running after the readers of its output and log have left.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start()
      gateway.child.stdout?.destroy()
      gateway.child.stderr?.destroy()
      yield* keepsRunning(gateway)
      expect(yield* gateway.exit).toBe(0)
    }),
  )

  it.live("A gateway keeps running if its output and log never had a reader.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ redirect: "> >(true) 2> >(true)", within: ["bash", "-c"] })
      yield* keepsRunning(gateway)
    }),
  )

  it.live.runIf(Fs.existsSync("/dev/full"))(
    "A gateway keeps running if the device of its output and log is full.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* ShellGateway.start({ redirect: "> /dev/full 2> /dev/full" })
        yield* keepsRunning(gateway)
      }),
  )

  it.live("A gateway keeps running if its output and log are closed.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ redirect: ">&- 2>&-" })
      yield* keepsRunning(gateway)
    }),
  )

  const terminal = ["script", "--quiet", "--flush", "--return", "/dev/null", "--command"]

  it.live("A gateway keeps running if its terminal stops reading.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ within: terminal })
      gateway.child.kill("SIGSTOP")
      // A terminal buffers 4 KB. These lines are several times as long.
      yield* keepsRunning(gateway, 300)
    }),
  )

  it.live("A gateway keeps running after its terminal is gone.", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ within: terminal })
      gateway.child.kill("SIGKILL")
      yield* keepsRunning(gateway)
    }),
  )
})
