import { describe, expect, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SupervisedProcess from "../../../src/services/processes/SupervisedProcess.ts"
import { gone, isAlive } from "../../support/ProcessGroups.ts"

const shell = (line: string, env: Record<string, string> = {}, inherit: ReadonlyArray<string> = []) =>
  SupervisedProcess.start({
    command: "sh",
    args: ["-c", line],
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, Redacted.make(value)])),
    inherit,
    cwd: tmpdir(),
  })

/** Returns the next piece of standard output. */
const output = ({ stdout }: SupervisedProcess.SupervisedProcess) =>
  Effect.promise(async () => String((await once(stdout, "data"))[0]).trim())

/** Ignores SIGTERM and the end of its input, and has a child. */
const STUBBORN = `trap '' TERM HUP; sleep 1000 & echo $$; while :; do sleep 1; done`

describe("A supervised process", () => {
  it.live("It gets the user's folders, its own variables and those that are named, and no others.", () =>
    Effect.gen(function* () {
      const { PATH } = process.env
      const gateway = {
        CAUSEWAY_TEST_SECRET: "kept",
        CAUSEWAY_TEST_NAMED: "named",
        ...(PATH !== undefined && { PATH }),
      }
      const child = yield* shell(
        'echo "$OWN-$CAUSEWAY_TEST_SECRET-$CAUSEWAY_TEST_NAMED-${PATH:+path}"',
        { OWN: "own" },
        ["CAUSEWAY_TEST_NAMED", "CAUSEWAY_TEST_MISSING"],
      ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: gateway }))))
      expect(yield* output(child)).toBe("own--named-path")
    }),
  )

  it.live("The end of the scope lets it exit by the end of its input.", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const child = yield* Scope.provide(shell("cat; exit 3"), scope)
      yield* Scope.close(scope, Exit.void)
      expect(yield* child.exit).toEqual({ code: 3, signal: null })
    }),
  )

  it.live("The end of the scope ends a process that ignores it, with its children.", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const child = yield* Scope.provide(shell(STUBBORN), scope)
      yield* output(child)
      yield* Scope.close(scope, Exit.void)
      expect(yield* child.exit).toEqual({ code: null, signal: "SIGKILL" })
      yield* gone(-child.pid)
    }),
  )

  it.live("The children that it leaves behind end with it.", () =>
    Effect.gen(function* () {
      const child = yield* shell("sleep 1000 & echo $!")
      const left = Number(yield* output(child))
      yield* child.exit
      yield* gone(left)
    }),
  )

  it.live("No process of the group survives a SIGKILL of the gateway.", () =>
    Effect.gen(function* () {
      const gateway = spawn(
        process.execPath,
        [join(import.meta.dirname, "../../support/HeldProcess.ts"), "sh", "-c", STUBBORN],
        { stdio: ["ignore", "pipe", "inherit"] },
      )
      const pid = yield* Effect.promise(async () => Number(String((await once(gateway.stdout, "data"))[0])))
      expect(isAlive(pid)).toBe(true)
      gateway.kill("SIGKILL")
      yield* gone(-pid)
    }),
  )

  it.live("Its obituary names the exit code and the last lines of standard error.", () =>
    Effect.gen(function* () {
      const child = yield* shell("for n in $(seq 100); do echo line $n >&2; done; exit 7")
      const obituary = yield* child.obituary
      expect(obituary).toMatch(/^"sh" exited with code 7\. Its last lines:\nline 81\n/)
      expect(obituary).toMatch(/\nline 100$/)
    }),
  )

  it.live("Its obituary hides the values of its own variables, colours and the end of long lines.", () =>
    Effect.gen(function* () {
      const line = `printf 'key %s \\033[31mred\\033[0m\\n' "$KEY" >&2; head -c 100000 /dev/zero | tr '\\0' x >&2`
      const child = yield* shell(line, { KEY: "sk-123456" })
      const [, first, second] = (yield* child.obituary).split("\n")
      expect(first).toBe("key <redacted> red")
      expect(second).toBe(`${"x".repeat(400)}…`)
    }),
  )

  it.live("A program that is not installed has an obituary that says so.", () =>
    Effect.gen(function* () {
      const child = yield* SupervisedProcess.start({ command: "no-such-agent", args: [], env: {}, cwd: tmpdir() })
      expect(yield* child.obituary).toMatch(/^"no-such-agent" was not found\. Install the program/)
    }),
  )

  it.live("It does not start in a folder that does not exist.", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(
        SupervisedProcess.start({ command: "cat", args: [], env: {}, cwd: "/nowhere/at/all" }),
      )
      expect(failure.message).toBe(
        'The folder /nowhere/at/all for "cat" does not exist. Create it, or set another `cwd`.',
      )
    }),
  )
})
