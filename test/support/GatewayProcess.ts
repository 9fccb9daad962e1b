/**
 * The real binary as a child process: started on any free port in a state folder of the test's, waited for by its own
 * words, and gone with the scope.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as Fs from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"

export const MAIN = join(import.meta.dirname, "../../src/main.ts")

/** Of the test's environment a command sees the path and the compile cache, which halves its time to start. */
export const machine: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nowhere",
  XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Command {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  /** To its standard input. */
  readonly write: (text: string) => void
  /** The end of its standard input. */
  readonly end: () => void
  /** Returns when the text, or what the pattern means, has been written to standard output. */
  readonly prints: (expected: string | RegExp) => Effect.Effect<void>
  readonly exit: Effect.Effect<Exit>
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The line of a shell by which it is run, with redirections: `exec "$0" "$@" > /dev/full`. */
  readonly shell?: string | undefined
  /** All of its standard input. Left out: it stays open. */
  readonly input?: string | undefined
}

/** A folder that is gone with the scope. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "causeway-test-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true })),
)

/** `causeway ...args`, killed when the scope closes. */
export const command = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  { env = {}, input, shell }: CommandOptions = {},
) {
  const exit = yield* Deferred.make<Exit>()
  const child = yield* Effect.acquireRelease(
    Effect.sync((): ChildProcessWithoutNullStreams => {
      const words = [process.execPath, MAIN, ...args]
      const [program = "", ...rest] = shell === undefined ? words : ["/bin/sh", "-c", shell, ...words]
      return spawn(program, rest, { env: { ...machine, ...env } })
    }),
    (child) =>
      Effect.suspend(() => {
        child.kill("SIGKILL")
        return Deferred.await(exit)
      }),
  )
  // A command that ends before it has read all is no failure of the test.
  child.stdin.on("error", () => {})
  if (input !== undefined) child.stdin.end(input)
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  child.on("close", (code, signal) => {
    Deferred.doneUnsafe(exit, Effect.succeed({ code, signal, stdout, stderr }))
  })
  const isPrinted = (expected: string | RegExp) =>
    typeof expected === "string" ? stdout.includes(expected) : expected.test(stdout)
  const prints = (expected: string | RegExp) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        if (!isPrinted(expected)) return
        child.stdout.off("data", look)
        resume(Effect.void)
      }
      child.stdout.on("data", look)
      look()
      return Effect.sync(() => child.stdout.off("data", look))
    }).pipe(
      Effect.raceFirst(
        Effect.flatMap(Deferred.await(exit), ({ code }) =>
          isPrinted(expected)
            ? Effect.void
            : Effect.die(new Error(`ended with ${code} and never printed ${expected}:\n${stdout}\n${stderr}`)),
        ),
      ),
    )
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    prints,
    exit: Deferred.await(exit),
  } satisfies Command
})

/** Runs a command to its end. */
export const run = (args: ReadonlyArray<string>, options?: CommandOptions): Effect.Effect<Exit> =>
  Effect.scoped(Effect.flatMap(command(args, options), ({ exit }) => exit))

export interface GatewayProcess extends Command {
  readonly stateDir: string
  /** E.g. `http://127.0.0.1:40209`. */
  readonly url: string
  readonly port: number
  readonly token: string
  /** `causeway ...args` against this gateway, to its end. */
  readonly cli: (...args: ReadonlyArray<string>) => Effect.Effect<Exit>
  /** As `cli`, with all of its standard input. */
  readonly fed: (input: string, ...args: ReadonlyArray<string>) => Effect.Effect<Exit>
  /** As `cli`, for as long as the scope is open. */
  readonly open: (...args: ReadonlyArray<string>) => Effect.Effect<Command, never, Scope.Scope>
  /** As `cli`, run by a line of a shell: `exec "$0" "$@" > /dev/full`. */
  readonly shell: (line: string, ...args: ReadonlyArray<string>) => Effect.Effect<Exit>
}

export interface GatewayProcessOptions extends CommandOptions {
  /** A new one by default. */
  readonly stateDir?: string
  /** Any free one by default. */
  readonly port?: number
  readonly args?: ReadonlyArray<string>
}

/** A gateway that is ready. */
export const start = Effect.fnUntraced(function* ({
  args = [],
  port = 0,
  stateDir,
  ...options
}: GatewayProcessOptions = {}) {
  const folder = stateDir ?? join(yield* temporaryFolder, "state")
  const child = yield* command(["start", "--port", String(port), "--state-dir", folder, ...args], options)
  yield* child.prints("listens on http")
  const url = /listens on (\S+)/.exec(child.stdout())?.[1] ?? ""
  const target = ["--url", url, "--state-dir", folder]
  const tokenFile = join(folder, "token")
  return {
    ...child,
    stateDir: folder,
    url,
    port: Number(new URL(url).port),
    token: Fs.existsSync(tokenFile) ? Fs.readFileSync(tokenFile, "utf8").trim() : "",
    cli: (...args) => run([...args, ...target]),
    fed: (input, ...args) => run([...args, ...target], { input }),
    open: (...args) => command([...args, ...target]),
    shell: (line, ...args) => run([...args, ...target], { shell: line }),
  } satisfies GatewayProcess
})
