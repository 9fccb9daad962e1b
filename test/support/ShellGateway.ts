/**
 * Starts the real gateway from a shell, with redirected streams, under npm or at a terminal. The test knows its port and
 * its process id, and calls it over HTTP.
 */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { binary, machine, temporaryFolder } from "./GatewayProcess.ts"
import { isAlive } from "./ProcessGroups.ts"

export const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** Returns the status of the answer, or `undefined` if there is no answer. */
export const attempt = async (url: string, init?: RequestInit): Promise<number | undefined> => {
  try {
    return (await fetch(url, init)).status
  } catch {
    return undefined
  }
}

/** Repeats the request until its status is the expected one. */
export const until = async (url: string, expected: number | undefined): Promise<void> => {
  while ((await attempt(url)) !== expected) await new Promise((resume) => setTimeout(resume, 20))
}

/** Returns whether the process has ended and its parent has not waited for it yet. Only Linux shows this. */
const isZombie = (pid: number): boolean => {
  try {
    return /\) Z /.test(Fs.readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

export interface ShellGatewayOptions {
  /** The text after `node main.ts start ...`. The gateway has the process id of the shell. */
  readonly redirect?: string
  /** Programs around the shell, e.g. `["script", "--command"]`. Their last argument is the text for the shell. */
  readonly within?: ReadonlyArray<string>
  readonly stdio?: StdioOptions
  readonly env?: Readonly<Record<string, string>>
  readonly args?: ReadonlyArray<string>
}

/** Starts a gateway and waits until it answers. The end of the scope kills it. */
export const start = Effect.fnUntraced(function* ({
  args = [],
  env = {},
  redirect = "",
  stdio = ["ignore", "pipe", "pipe"],
  within = ["sh", "-c"],
}: ShellGatewayOptions = {}) {
  const folder = yield* temporaryFolder
  const stateDir = join(folder, "state")
  const pidFile = join(folder, "pid")
  const port = yield* freePort
  const url = `http://127.0.0.1:${port}`
  const words = [process.execPath, yield* binary, "start", "--port", port, "--state-dir", stateDir, ...args].join(" ")
  const [program = "sh", ...before] = within
  const child: ChildProcess = spawn(program, [...before, `echo $$ > ${pidFile}; exec ${words} ${redirect}`], {
    stdio,
    env: {
      ...machine,
      TERM: "xterm",
      SHELL: "/bin/sh",
      GATEWAY_LIMITS_AUTH_FAILURES: "1000000",
      GATEWAY_LIMITS_AUTH_FAILURE_DELAY_MS: "0",
      ...env,
    },
  })
  const exit = new Promise<number | null>((resume) => child.once("exit", resume))
  let stderr = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const pidOf = () => Number(Fs.readFileSync(pidFile, "utf8"))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      child.kill("SIGKILL")
      if (Fs.existsSync(pidFile) && isAlive(pidOf())) process.kill(pidOf(), "SIGKILL")
    }),
  )
  yield* Effect.promise(() => until(`${url}/ready`, 200))
  const pid = pidOf()
  return {
    child,
    /** The exit code of the outermost program. */
    exit: Effect.promise(() => exit),
    /** Waits until standard error matches the pattern. */
    logs: (expected: RegExp) =>
      Effect.promise(async () => {
        while (!expected.test(stderr) && child.stderr !== null) await once(child.stderr, "data")
      }),
    stderr: () => stderr,
    pid,
    port,
    stateDir,
    url,
    token: Fs.existsSync(join(stateDir, "token")) ? Fs.readFileSync(join(stateDir, "token"), "utf8").trim() : "",
    signal: (signal: NodeJS.Signals) => void process.kill(pid, signal),
    /** Returns the status of a request with this token. The log gets a line for each wrong token. */
    present: (token: string) =>
      Effect.promise(() => attempt(`${url}/api/status`, { headers: { authorization: `Bearer ${token}` } })),
    /** Waits until nothing listens on the port. */
    closed: Effect.promise(() => until(`${url}/ready`, undefined)),
    /** Waits until the process has ended. */
    ended: Effect.promise(async () => {
      while (isAlive(pid) && !isZombie(pid)) await new Promise((resume) => setTimeout(resume, 20))
    }),
  }
})
