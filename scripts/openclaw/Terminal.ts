/**
 * Tests OpenClaw's terminal UI in a pseudo-terminal: it connects, shows the session, sends a message and shows the reply.
 * `script` of util-linux provides the terminal.
 */
import { spawn } from "node:child_process"
import { env } from "node:process"
import { stripVTControlCharacters } from "node:util"
import type { Check } from "../acceptance/Report.ts"
import type { Gateway } from "./Gateway.ts"
import { home } from "../acceptance/Installation.ts"
import type { Installed } from "./Installations.ts"

const TIMEOUT_MS = 60_000

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

export const terminal = async ({ entry }: Installed, { token, wsUrl }: Gateway): Promise<ReadonlyArray<Check>> => {
  const command = [process.execPath, entry, "tui", "--url", wsUrl, "--token", token].map(quoted).join(" ")
  const child = spawn("script", ["--quiet", "--flush", "--return", "--command", `exec ${command}`, "/dev/null"], {
    env: { PATH: env["PATH"], HOME: home(), TERM: "xterm-256color", COLUMNS: "120", LINES: "40", SHELL: "/bin/sh" },
  })
  let shown = ""
  child.stdout.on("data", (chunk: Buffer) => (shown += stripVTControlCharacters(chunk.toString())))
  child.on("error", (error) => (shown += String(error)))
  const shows = (pattern: RegExp): Promise<boolean> =>
    new Promise((resolve) => {
      const look = () => {
        if (!pattern.test(shown)) return
        child.stdout.off("data", look)
        resolve(true)
      }
      child.stdout.on("data", look)
      setTimeout(() => resolve(pattern.test(shown)), TIMEOUT_MS).unref()
      look()
    })
  const step = async (name: string, pattern: RegExp): Promise<Check> => ({
    name: `openclaw tui: ${name}`,
    problem: (await shows(pattern)) ? undefined : `never showed ${pattern}: ${shown.slice(-2_000)}`,
  })
  const connected = await step("connects and shows the session", /connected \| idle/)
  child.stdin.write("hello from the terminal\r")
  const replied = await step("sends a message and shows the reply", /echo: hello from the terminal/)
  child.kill("SIGTERM")
  return [connected, replied]
}
