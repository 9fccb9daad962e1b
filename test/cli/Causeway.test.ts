import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { failure, run } from "../support/CommandLine.ts"

describe("causeway", () => {
  it.effect("An invalid command line ends with 2 and one line.", () =>
    Effect.gen(function* () {
      for (const args of [["bogus"], ["send"], ["send", "hello", "--bogus", "1"], ["status", "--url", "no url"]]) {
        const { code, stderr, stdout } = yield* run(...args)
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" })
        expect(stderr.trimEnd().split("\n")).toHaveLength(1)
      }
    }),
  )

  it.effect("An unknown command or flag comes with a suggestion, and a wrong value with its format.", () =>
    Effect.gen(function* () {
      const usageError = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
        const { code, stderr } = yield* run(...args)
        expect(code).toBe(2)
        return stderr
      })
      expect(yield* usageError("strat")).toContain("Did you mean start?")
      expect(yield* usageError("send", "hello", "--sesion", "work")).toContain("Did you mean --session?")
      expect(yield* usageError("tail", "--from", "12")).toContain("Expected: epoch:seq.")
      expect(yield* usageError("tail", "--topics", "chats")).toContain("separated by commas")
      expect(yield* usageError("start", "--port", "many")).toContain('--port is "many": expected number')
    }),
  )

  it.effect("The help lists the commands and the exit codes.", () =>
    Effect.gen(function* () {
      const help = yield* run("--help")
      expect(help.code).toBe(0)
      for (const word of ["start", "send", "status", "69", "77"]) expect(help.stdout).toContain(word)
      expect((yield* run("start", "--help")).stdout).toContain("--state-dir")
    }),
  )

  it.effect("Commands exit with 69 if no gateway answers.", () =>
    Effect.gen(function* () {
      for (const args of [["send", "hello"], ["chat"]]) {
        const { code, line } = failure(yield* run(...args, "--url", "127.0.0.1:9"))
        expect(code).toBe(69)
        expect(line).toContain("127.0.0.1:9")
      }
    }),
  )
})
