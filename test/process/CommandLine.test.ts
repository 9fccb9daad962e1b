/** What holds for every command: its completions, its colours, its questions. Its help is test/cli/Causeway.help.test.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { run, start } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

describe("every command", () => {
  it.live("is completed by the shells, as they understand it", () =>
    Effect.gen(function* () {
      const { stdout } = yield* run(["--completions", "bash"])
      for (const word of ["sessions", "rotate", "--state-dir"]) expect(stdout).toContain(word)
      expect(spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" })
      for (const shell of ["zsh", "fish"]) {
        expect((yield* run(["--completions", shell])).stdout).toContain("sessions")
      }
    }),
  )

  it.live("is coloured at a terminal, unless NO_COLOR is set, and nowhere else", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const args = ["agents", "list", "--url", gateway.url, "--state-dir", gateway.stateDir]
      const shown = yield* Terminal.open(args)
      expect(yield* shown.exit).toBe(0)
      expect(shown.raw()).toContain("\u001b[")
      const plain = yield* Terminal.open(args, { NO_COLOR: "1" })
      expect(yield* plain.exit).toBe(0)
      expect(plain.raw()).toContain("PERSONALITY")
      expect(plain.raw()).not.toContain("\u001b[")
      expect((yield* run(args)).stdout).not.toContain("\u001b[")
    }),
  )

  it.live("shows no terminal what commands it: codes in what others wrote come as marks", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const target = ["--url", gateway.url, "--state-dir", gateway.stateDir]
      const attack = "\u001b]0;owned\u0007\u001b[2Jhello"
      const spoken = yield* Terminal.open(["send", attack, ...target])
      yield* spoken.exit
      expect(spoken.raw()).toContain("hello")
      expect(spoken.raw()).not.toContain("\u001b[2J")
      const listed = yield* Terminal.open(["sessions", "list", ...target], { NO_COLOR: "1" })
      yield* listed.exit
      expect(listed.raw()).toContain("hello")
      expect(listed.raw()).not.toContain("\u001b")
      // a program gets what was said, to the character
      expect((yield* gateway.cli("send", attack)).stdout).toBe(`echo: ${attack}\n`)
    }),
  )
})

describe("what cannot be taken back", () => {
  it.live("is asked about at a terminal, and done or left as the answer says", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const target = ["--url", gateway.url, "--state-dir", gateway.stateDir]
      yield* gateway.cli("send", "--session", "work", "hello")
      const no = yield* Terminal.open(["sessions", "delete", "work", ...target])
      yield* no.shows("removes the session work with its 2 messages")
      no.type("n")
      expect(yield* no.exit).toBe(1)
      expect((yield* gateway.cli("sessions", "history", "work")).code).toBe(0)
      const yes = yield* Terminal.open(["sessions", "delete", "work", ...target])
      yield* yes.shows("Go on?")
      yes.type("y")
      expect(yield* yes.exit).toBe(0)
      expect((yield* gateway.cli("sessions", "history", "work")).code).toBe(1)
    }),
  )
})

describe("causeway send", () => {
  it.live("takes the message from standard input where it is -", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(yield* gateway.fed("two\nlines\n", "send", "-")).toMatchObject({ code: 0, stdout: "echo: two\nlines\n" })
    }),
  )
})
