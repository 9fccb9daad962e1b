/**
 * Runs the real binary as a child process on a free port, with a state folder of the test. The scope ends the process.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as Fs from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { freshBinary } from "../../scripts/bundle.ts"

/** The binary as users have it. The first start bundles it if a file of src has changed. */
export const binary: Effect.Effect<string> = Effect.promise(freshBinary)

/** The environment of a command: the path, and the compile cache, which halves the start time. */
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
  /** Writes to standard input. */
  readonly write: (text: string) => void
  /** Closes standard input. */
  readonly end: () => void
  /** Waits until standard output contains the text or matches the pattern. */
  readonly prints: (expected: string | RegExp) => Effect.Effect<void>
  readonly exit: Effect.Effect<Exit>
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A shell line that runs the command with redirections: `exec "$0" "$@" > /dev/full`. */
  readonly shell?: string | undefined
  /** The whole standard input. Without it, standard input stays open. */
  readonly input?: string | undefined
}

/** A folder that the end of the scope removes. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "causeway-test-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true })),
)

/** Starts a program of Node. The end of the scope kills it. */
export const program = Effect.fnUntraced(function* (
  file: string,
  args: ReadonlyArray<string>,
  { env = {}, input, shell }: CommandOptions = {},
) {
  const exit = yield* Deferred.make<Exit>()
  const child = yield* Effect.acquireRelease(
    Effect.sync((): ChildProcessWithoutNullStreams => {
      const words = [process.execPath, file, ...args]
      const [program = "", ...rest] = shell === undefined ? words : ["/bin/sh", "-c", shell, ...words]
      return spawn(program, rest, { env: { ...machine, ...env } })
    }),
    (child) =>
      Effect.suspend(() => {
        child.kill("SIGKILL")
        return Deferred.await(exit)
      }),
  )
  // A command may end before it has read all of its input.
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
            : Effect.die(new Error(`exited with ${code} and did not print ${expected}:\n${stdout}\n${stderr}`)),
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

/** Starts `causeway ...args`. The end of the scope kills it. */
export const command = (args: ReadonlyArray<string>, options?: CommandOptions) =>
  Effect.flatMap(binary, (main) => program(main, args, options))

/** Runs a command to its end. */
export const run = (args: ReadonlyArray<string>, options?: CommandOptions): Effect.Effect<Exit> =>
  Effect.scoped(Effect.flatMap(command(args, options), ({ exit }) => exit))

export interface GatewayProcess extends Command {
  readonly stateDir: string
  /** E.g. `http://127.0.0.1:40209`. */
  readonly url: string
  readonly port: number
  readonly token: string
  /** Runs `causeway ...args` against this gateway to its end. */
  readonly cli: (...args: ReadonlyArray<string>) => Effect.Effect<Exit>
  /** As `cli`, with the whole standard input. */
  readonly fed: (input: string, ...args: ReadonlyArray<string>) => Effect.Effect<Exit>
  /** As `cli`, but returns the running command. The end of the scope kills it. */
  readonly open: (...args: ReadonlyArray<string>) => Effect.Effect<Command, never, Scope.Scope>
  /** As `cli`, in a shell line: `exec "$0" "$@" > /dev/full`. */
  readonly shell: (line: string, ...args: ReadonlyArray<string>) => Effect.Effect<Exit>
  /** The flags that name this gateway and its token. */
  readonly target: ReadonlyArray<string>
}

export interface GatewayProcessOptions extends CommandOptions {
  /** The default is a new folder. */
  readonly stateDir?: string
  /** The default is any free port. */
  readonly port?: number
  readonly args?: ReadonlyArray<string>
}

/** Starts a gateway and waits until it is ready. */
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
    target,
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

/** One gateway for several tests, because each start takes a third of a second. */
export class SharedGateway extends Context.Service<SharedGateway, GatewayProcess>()("causeway/test/SharedGateway") {
  static readonly layer = (options?: GatewayProcessOptions) => Layer.effect(SharedGateway, start(options))
}
