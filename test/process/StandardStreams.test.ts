/** A gateway whose standard output and standard error are in any state goes on, answers, and stops when it is asked to. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { Writable } from "node:stream"
import { bounded } from "../../src/cli/process/StandardStreams.ts"
import * as ShellGateway from "../support/ShellGateway.ts"

/** Writes a line to its log for each request, answers all of them, and ends. */
const goesOn = Effect.fnUntraced(function* (
  gateway: Effect.Success<ReturnType<typeof ShellGateway.start>>,
  requests = 5,
) {
  for (let request = 0; request < requests; request++) expect(yield* gateway.present("wrong")).toBe(401)
  expect(yield* gateway.present(gateway.token)).toBe(200)
  gateway.signal("SIGTERM")
  yield* gateway.ended
})

describe("a gateway goes on", () => {
  it.live("when the readers of its output and its log have left", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start()
      gateway.child.stdout?.destroy()
      gateway.child.stderr?.destroy()
      yield* goesOn(gateway)
      expect(yield* gateway.exit).toBe(0)
    }),
  )

  it.live("when nobody ever read its output and its log", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ redirect: "> >(true) 2> >(true)", within: ["bash", "-c"] })
      yield* goesOn(gateway)
    }),
  )

  it.live.runIf(Fs.existsSync("/dev/full"))("when the device that takes its output and its log is full", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ redirect: "> /dev/full 2> /dev/full" })
      yield* goesOn(gateway)
    }),
  )

  it.live("when its output and its log are closed from the beginning", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ redirect: ">&- 2>&-" })
      yield* goesOn(gateway)
    }),
  )

  const terminal = ["script", "--quiet", "--flush", "--return", "/dev/null", "--command"]

  it.live("when its terminal takes nothing more", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ within: terminal })
      gateway.child.kill("SIGSTOP")
      // Lines for some times the 4 KB that a terminal holds.
      yield* goesOn(gateway, 300)
    }),
  )

  it.live("when its terminal is gone", () =>
    Effect.gen(function* () {
      const gateway = yield* ShellGateway.start({ within: terminal })
      gateway.child.kill("SIGKILL")
      yield* goesOn(gateway)
    }),
  )
})

describe("lines for a reader that does not read", () => {
  it("are dropped above a bound, and counted once it reads again", () => {
    const written: Array<string> = []
    let release: () => void = () => {}
    const target = new Writable({
      decodeStrings: false,
      write: (line: string, _, done) => {
        written.push(line)
        release = done
      },
    })
    const gaps: Array<number> = []
    const stream = bounded(target, (lines) => gaps.push(lines))
    const line = "x".repeat(100_000)
    for (let count = 0; count < 100; count++) stream.write(line)
    expect(target.writableLength).toBeLessThan(1_200_000)
    while (target.writableLength > 0) release()
    return new Promise<void>((resume) => {
      setImmediate(() => {
        expect(written.length).toBe(11)
        expect(gaps).toEqual([89])
        resume()
      })
    })
  })
})
