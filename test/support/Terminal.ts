/**
 * Runs a command in a pseudo-terminal, by `script` of util-linux, which every Debian has. Tests match its output without
 * the codes for the cursor and the colours.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { binary, machine } from "./GatewayProcess.ts"

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** Starts a program of Node. The end of the scope kills it. */
export const program = Effect.fnUntraced(function* (
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
) {
  const exit = yield* Deferred.make<number | null>()
  const command = [process.execPath, file, ...args].map(quoted).join(" ")
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      // With exec, signals and exit codes are those of the command, not of a shell.
      spawn("script", ["--quiet", "--flush", "--return", "--command", `exec ${command}`, "/dev/null"], {
        env: { ...machine, TERM: "xterm", SHELL: "/bin/sh", ...env },
      }),
    ),
    (child) =>
      Effect.suspend(() => {
        child.kill("SIGKILL")
        return Deferred.await(exit)
      }),
  )
  let raw = ""
  child.stdin.on("error", () => {})
  child.stdout.setEncoding("utf8").on("data", (text: string) => (raw += text))
  child.on("close", (code) => Deferred.doneUnsafe(exit, Effect.succeed(code)))

  const isShown = (expected: string | RegExp) => {
    const text = stripVTControlCharacters(raw)
    return typeof expected === "string" ? text.includes(expected) : expected.test(text)
  }
  const shows = (expected: string | RegExp) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        if (isShown(expected)) resume(Effect.void)
      }
      child.stdout.on("data", look)
      look()
      return Effect.sync(() => child.stdout.off("data", look))
    }).pipe(
      Effect.raceFirst(
        Effect.flatMap(Deferred.await(exit), (code) =>
          isShown(expected)
            ? Effect.void
            : Effect.die(new Error(`exited with ${code} and did not show ${expected}:\n${raw}`)),
        ),
      ),
    )
  return {
    /** Returns the output with all codes. */
    raw: () => raw,
    type: (text: string) => void child.stdin.write(text),
    /** Waits until the output contains the text or matches the pattern. */
    shows,
    exit: Deferred.await(exit),
  }
})

/** Starts `causeway ...args`. The end of the scope kills it. */
export const open = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) =>
  Effect.flatMap(binary, (main) => program(main, args, env))
