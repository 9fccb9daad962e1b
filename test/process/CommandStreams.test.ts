/** Commands with unreadable inputs and unwritable outputs, with real devices. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { run, SharedGateway, temporaryFolder } from "../support/GatewayProcess.ts"

/** One command for each way of writing: a table, JSON, streamed JSON, a content, text and lines. */
const WRITERS: ReadonlyArray<ReadonlyArray<string>> = [
  ["agents", "list"],
  ["call", "agents.list"],
  ["call", "chat.stream", '{"text":"hello"}'],
  ["memory", "read", "notes"],
  ["send", "hello"],
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

layer(SharedGateway.layer(), { excludeTestServices: true })("Standard input and output of commands", (it) => {
  it.effect(
    "A command with an unreadable input fails and changes nothing.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
        yield* gateway.cli("memory", "write", "notes", "precious")
        const folder = yield* temporaryFolder
        Fs.writeFileSync(join(folder, "binary"), Buffer.from([0x61, 0xff, 0xfe, 0x62]))
        for (const [redirection, ...command] of [
          [`< '${folder}'`, "memory", "write", "notes", "-"],
          ["<&-", "memory", "write", "notes", "-"],
          [`< '${folder}/binary'`, "memory", "write", "notes", "-"],
          ["<&-", "send", "-"],
          [`< '${folder}'`, "call", "sessions.create", "-"],
          ["<&-", "chat"],
        ]) {
          const exit = yield* gateway.shell(`exec "$0" "$@" ${redirection}`, ...command)
          expect({ redirection, command, ...exit }).toMatchObject({
            code: 1,
            stdout: "",
            stderr: expect.stringMatching(INPUT_FAILED),
          })
        }
        expect((yield* gateway.cli("memory", "read", "notes")).stdout).toBe("precious\n")
        const { stdout } = yield* gateway.cli("sessions", "list", "--json")
        expect(JSON.parse(stdout)).toMatchObject({ total: 0 })
      }),
    120_000,
  )

  it.effect("An empty input is an empty text.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const written = yield* gateway.shell('exec "$0" "$@" < /dev/null', "memory", "write", "empty", "-")
      expect(written).toMatchObject({ code: 0, stdout: "empty: 0 bytes\n" })
    }),
  )

  it.effect(
    "A command that writes to a full device fails with one line.",
    () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
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

  it.effect("Help, version and completions on a full device fail too.", () =>
    Effect.gen(function* () {
      for (const command of LOCAL_WRITERS) {
        const exit = yield* run(command, { shell: 'exec "$0" "$@" > /dev/full' })
        expect({ command, ...exit }).toMatchObject({ code: 1, stderr: expect.stringMatching(OUTPUT_FAILED) })
      }
    }),
  )

  it.effect("A file that takes only part of an output fails the command.", () =>
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
  )

  it.effect("A reader that leaves early is no failure.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      yield* gateway.fed(`first\n${"x".repeat(500_000)}`, "memory", "write", "notes", "-")
      const shell = '{ "$0" "$@"; echo "code $?" >&2; } | head -1 > /dev/null'
      expect(yield* gateway.shell(shell, "memory", "read", "notes")).toMatchObject({ stderr: "code 0\n" })
      expect(yield* run(["--completions", "bash"], { shell })).toMatchObject({ stderr: "code 0\n" })
      // A tail notices that its reader has left at the next event only.
      const tail = gateway.shell(shell, "tail", "--json")
      expect(yield* Effect.raceFirst(tail, Effect.forever(gateway.cli("send", "hello")))).toMatchObject({
        stderr: "code 0\n",
      })
    }),
  )

  it.effect("Large contents arrive complete in a file and in a pipe.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const content = `${"long 漢字 ".repeat(60_000)}\n`
      yield* gateway.fed(content, "memory", "write", "notes", "-")
      const file = join(yield* temporaryFolder, "notes")
      expect((yield* gateway.cli("memory", "read", "notes")).stdout).toBe(content)
      yield* gateway.shell(`exec "$0" "$@" > '${file}'`, "memory", "read", "notes")
      expect(Fs.readFileSync(file, "utf8")).toBe(content)
    }),
  )
})
