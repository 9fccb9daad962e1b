/** Commands with inputs that cannot be read and outputs that cannot be written, with the real binary and real devices. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { run, start, temporaryFolder } from "../support/GatewayProcess.ts"

/** Every command that writes to standard output, and succeeds where that works. */
const WRITERS: ReadonlyArray<ReadonlyArray<string>> = [
  ["agents", "list"],
  ["agents", "create", "Luna"],
  ["bindings", "list"],
  ["call", "agents.list"],
  ["call", "chat.stream", '{"text":"hello"}'],
  ["connections", "list"],
  ["devices", "list"],
  ["memory", "list"],
  ["memory", "read", "notes"],
  ["memory", "read", "notes", "--json"],
  ["memory", "write", "more", "text"],
  ["send", "hello"],
  ["send", "--json", "hello"],
  ["sessions", "list"],
  ["sessions", "history", "agent:main:main"],
  ["status"],
  ["tail", "--json"],
]

const LOCAL_WRITERS: ReadonlyArray<ReadonlyArray<string>> = [
  ["--help"],
  ["--version"],
  ["--completions", "bash"],
  ["sessions", "list", "--help"],
]

const INPUT_FAILED = /^causeway: standard input .+\n$/
const OUTPUT_FAILED = /^causeway: cannot write to standard output \((ENOSPC|EFBIG)\): .+\n$/

describe("standard input", () => {
  it.live(
    "A command that cannot read its input fails and changes nothing.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.cli("memory", "write", "notes", "precious")
        const folder = yield* temporaryFolder
        Fs.writeFileSync(join(folder, "binary"), Buffer.from([0x61, 0xff, 0xfe, 0x62]))
        for (const redirection of [`< '${folder}'`, "<&-", `< '${folder}/binary'`]) {
          const line = `exec "$0" "$@" ${redirection}`
          expect(yield* gateway.shell(line, "memory", "write", "notes", "-")).toEqual({
            code: 1,
            signal: null,
            stdout: "",
            stderr: expect.stringMatching(INPUT_FAILED),
          })
          expect((yield* gateway.cli("memory", "read", "notes")).stdout).toBe("precious\n")
        }
        for (const command of [["send", "-"], ["call", "sessions.create", "-"], ["chat"]]) {
          for (const redirection of [`< '${folder}'`, "<&-"]) {
            const exit = yield* gateway.shell(`exec "$0" "$@" ${redirection}`, ...command)
            expect({ command, ...exit }).toMatchObject({
              code: 1,
              stdout: "",
              stderr: expect.stringMatching(INPUT_FAILED),
            })
          }
        }
        const { stdout } = yield* gateway.cli("sessions", "list", "--json")
        expect(JSON.parse(stdout)).toMatchObject({ total: 0 })
      }),
    120_000,
  )

  it.live(
    "An input that is empty is an empty text.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        const written = yield* gateway.shell('exec "$0" "$@" < /dev/null', "memory", "write", "notes", "-")
        expect(written).toMatchObject({ code: 0, stdout: "notes: 0 bytes\n" })
      }),
    60_000,
  )
})

describe("standard output", () => {
  it.live(
    "A command whose output is lost on a full device fails and says so.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.cli("memory", "write", "notes", "precious")
        yield* gateway.cli("send", "hello")
        const check = Effect.fnUntraced(function* (command: ReadonlyArray<string>) {
          const exit = yield* gateway.shell('exec "$0" "$@" > /dev/full', ...command)
          expect({ command, ...exit }).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
        })
        yield* Effect.forEach(WRITERS, check, { concurrency: 3 })
        const chat = yield* gateway.shell('printf "one\\ntwo\\n" | "$0" "$@" > /dev/full', "chat")
        expect(chat).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
        const token = yield* run(["token", "show", "--state-dir", gateway.stateDir], {
          shell: 'exec "$0" "$@" > /dev/full',
        })
        expect(token).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
      }),
    120_000,
  )

  it.live(
    "Help, version and completions that are lost on a full device are a failure, too.",
    () =>
      Effect.gen(function* () {
        for (const command of LOCAL_WRITERS) {
          const exit = yield* run(command, { shell: 'exec "$0" "$@" > /dev/full' })
          expect({ command, ...exit }).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
        }
      }),
    60_000,
  )

  it.live(
    "A file that takes only the first part of an output is a failure: the rest is not lost in silence.",
    () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "completions")
        const shell = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@" > '${file}'`
        const exit = yield* run(["--completions", "bash"], { shell })
        expect(exit).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
        expect(Fs.statSync(file).size).toBeGreaterThan(0)
        const whole = yield* run(["--completions", "bash"], { shell: `exec "$0" "$@" > '${file}'` })
        expect(whole).toMatchObject({ code: 0, stderr: "" })
        expect(Fs.readFileSync(file, "utf8")).toMatch(/\n$/)
      }),
    60_000,
  )

  it.live(
    "A reader that has read enough is no failure.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.fed(`first\n${"x".repeat(500_000)}`, "memory", "write", "notes", "-")
        for (const command of [
          ["memory", "read", "notes"],
          ["tail", "--json"],
          ["--completions", "bash"],
        ]) {
          const shell = '{ "$0" "$@"; echo "code $?" >&2; } | head -1 > /dev/null'
          const exit = yield* command[0] === "--completions"
            ? run(command, { shell })
            : gateway.shell(shell, ...command)
          expect({ command, ...exit }).toMatchObject({ stderr: "code 0\n" })
        }
      }),
    60_000,
  )

  it.live(
    "Large contents arrive whole, in a file and in a pipe.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        const content = `${"long 漢字 ".repeat(60_000)}\n`
        yield* gateway.fed(content, "memory", "write", "notes", "-")
        const file = join(yield* temporaryFolder, "notes")
        expect((yield* gateway.cli("memory", "read", "notes")).stdout).toBe(content)
        yield* gateway.shell(`exec "$0" "$@" > '${file}'`, "memory", "read", "notes")
        expect(Fs.readFileSync(file, "utf8")).toBe(content)
      }),
    60_000,
  )
})
