/**
 * SupervisedProcess: a program that the gateway starts and that never outlives it. The program and its children are a
 * process group of their own, and a watcher in this group ends it as soon as its pipe to the gateway closes: when the scope
 * closes, when the program exits, and also when the gateway is killed. Runtimes and tool servers start programs with it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process"
import { statSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import { LastLines } from "./LastLines.ts"
import { environmentFor, type Variables } from "./ProcessEnvironment.ts"

/** A program to start. */
export interface ProcessCommand {
  /** A path, or a name that is looked up in PATH. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Variables of its own. See ProcessEnvironment.ts for the others. */
  readonly env: Variables
  /** The names of further variables of the gateway's environment. */
  readonly inherit?: ReadonlyArray<string>
  /** The absolute path of the folder to work in. */
  readonly cwd: string
}

export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The program cannot be started, or it ended too early. The message names the program and the next step. */
export class ProcessFailed extends Schema.TaggedError<ProcessFailed>()("ProcessFailed", { message: Schema.String }) {}

export interface SupervisedProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  /** The newest lines of standard error, without secrets. */
  readonly lastLines: LastLines
  readonly exit: Effect.Effect<ProcessExit>
  readonly hasExited: () => boolean
  /** Waits for the exit and returns a sentence about it with the last lines of standard error. */
  readonly obituary: Effect.Effect<string>
}

/**
 * `read` waits for the end of descriptor 3, the pipe to the gateway. Then the whole group (`0`) gets SIGTERM, and SIGKILL a
 * second later. The watcher is in the group, so the number of the group is not given to other processes meanwhile. The
 * double fork hides the watcher from programs that wait for their children. `exec` gives the program the place of the shell.
 */
const WATCHED = `( {
  trap '' HUP INT TERM
  read -r _ <&3
  kill -TERM 0
  sleep 1
  kill -KILL 0
} </dev/null >/dev/null 2>&1 & )
exec 3<&-
exec "$@"`

/** The time that a program has to exit after the end of its standard input. */
const EXIT_TIMEOUT = "1 second"

/** The time in which the watcher ends the group. */
const KILL_TIMEOUT = "3 seconds"

/** The time in which the last output of a program arrives. */
const OUTPUT_TIMEOUT = "2 seconds"

/** Starts the program. The end of the scope closes its standard input, and ends its group if it does not exit. */
export const start = Effect.fn("SupervisedProcess.start")(function* (
  options: ProcessCommand,
): Effect.fn.Return<SupervisedProcess, ProcessFailed, Scope.Scope> {
  const env = yield* environmentFor(options.env, options.inherit)
  if (!isFolder(options.cwd)) {
    return yield* new ProcessFailed({
      message: `The folder ${options.cwd} for "${options.command}" does not exist. Create it, or set another \`cwd\`.`,
    })
  }
  return yield* Effect.acquireRelease(spawned(options, env), ({ child, process }) => end(child, process)).pipe(
    Effect.map(({ process }) => process),
  )
})

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

interface Spawned {
  readonly child: ChildProcess
  readonly process: SupervisedProcess
}

/** Starts the program and listens to it in one step: a fiber that yields between the two would miss events. */
const spawned = ({ args, command, cwd, env: secrets }: ProcessCommand, env: Record<string, string>) =>
  Effect.callback<Spawned, ProcessFailed>((resume) => {
    const fail = (error: unknown) => resume(Effect.fail(cannotStart(command, error)))
    try {
      const child = spawn("/bin/sh", ["-c", WATCHED, "causeway", command, ...args], {
        cwd,
        env,
        detached: true,
        stdio: ["pipe", "pipe", "pipe", "pipe"],
      })
      const process = supervise(child, command, new LastLines(Object.values(secrets).map(Redacted.value)))
      child.once("error", fail)
      child.once("spawn", () => resume(Effect.succeed({ child, process })))
    } catch (error) {
      fail(error)
    }
  })

const supervise = (
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  command: string,
  lastLines: LastLines,
): SupervisedProcess => {
  const exited = Deferred.makeUnsafe<ProcessExit>()
  child.stderr.on("data", (chunk: Uint8Array) => lastLines.add(chunk))
  // The program may close its input or exit at any time. Its exit tells the reason.
  for (const stream of child.stdio) stream?.on("error", () => {})
  const exit = Deferred.await(exited)
  let hasExited = false
  child.once("exit", (code, signal) => {
    hasExited = true
    // Ends the processes that the program has left behind.
    child.stdio[3]?.destroy()
    Deferred.doneUnsafe(exited, Effect.succeed({ code, signal }))
  })
  const silent = Effect.callback<void>((resume) => {
    if (child.stderr.closed) return resume(Effect.void)
    child.stderr.once("close", () => resume(Effect.void))
  })
  return {
    pid: child.pid ?? -1,
    stdin: child.stdin,
    stdout: child.stdout,
    lastLines,
    exit,
    hasExited: () => hasExited,
    obituary: Effect.gen(function* () {
      const end = yield* exit
      // A process that left the group may keep the pipe open.
      yield* Effect.timeoutOption(silent, OUTPUT_TIMEOUT)
      return obituaryOf(command, end, lastLines.all())
    }),
  }
}

const cannotStart = (command: string, error: unknown) =>
  new ProcessFailed({
    message: `Cannot start "${command}": ${error instanceof Error ? error.message : String(error)}.`,
  })

/** Exit codes of the shell. Its own message says no more. */
const problems: Readonly<Record<number, string>> = {
  126: "cannot be executed. Make the file executable, or name the right one in `command`.",
  127: "was not found. Install the program, or write its path in `command`.",
}

const obituaryOf = (command: string, { code, signal }: ProcessExit, lines: ReadonlyArray<string>): string => {
  const problem = problems[code ?? 0]
  if (problem !== undefined) return `"${command}" ${problem}`
  const end = signal === null ? `exited with code ${code}.` : `was ended by ${signal}.`
  return [`"${command}" ${end}`, ...(lines.length === 0 ? [] : [`Its last lines:\n${lines.join("\n")}`])].join(" ")
}

/** Ends the program by the end of its input, and the whole group by the watcher if that does not suffice. */
const end = (child: ChildProcess, { exit, stdout }: SupervisedProcess) =>
  Effect.gen(function* () {
    // Reads on, so that a program that still writes can exit.
    stdout.resume()
    child.stdin?.end()
    yield* Effect.timeoutOption(exit, EXIT_TIMEOUT)
    child.stdio[3]?.destroy()
    const exited = yield* Effect.timeoutOption(exit, KILL_TIMEOUT)
    if (exited._tag === "None") yield* Effect.logWarning(`A program does not end (process ${child.pid}).`)
  })
