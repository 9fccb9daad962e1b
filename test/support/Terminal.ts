/**
 * A command at a terminal: `script` of util-linux, which every Debian has, gives it a pseudo-terminal. What it shows is
 * matched without the codes that move the cursor and colour the text.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { MAIN, machine } from "./GatewayProcess.ts"

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** `causeway ...args`, killed when the scope closes. */
export const open = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
) {
  const exit = yield* Deferred.make<number | null>()
  const command = [process.execPath, MAIN, ...args].map(quoted).join(" ")
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      // exec: signals and exit codes are the command's own, not a shell's
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
            : Effect.die(new Error(`ended with ${code}, never showed ${expected}:\n${raw}`)),
        ),
      ),
    )
  return {
    /** With all codes. */
    raw: () => raw,
    type: (text: string) => void child.stdin.write(text),
    /** Returns when the text, or what the pattern means, has been shown. */
    shows,
    exit: Deferred.await(exit),
  }
})
