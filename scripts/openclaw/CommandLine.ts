/**
 * Tests OpenClaw's command line against the gateway: runs its gateway commands and checks their output. They find the
 * gateway by address and token, or by a configuration that names a remote gateway.
 */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { env } from "node:process"
import type { Gateway } from "./Gateway.ts"
import { home } from "../acceptance/Installation.ts"
import type { Check } from "../acceptance/Report.ts"
import type { Installed } from "./Installations.ts"

interface Command {
  readonly args: string
  readonly prints: RegExp
}

const TIMEOUT_MS = 120_000

/** Commands of every generation. */
const common: ReadonlyArray<Command> = [
  { args: "gateway call health --json {target}", prints: /"ok": true/ },
  { args: "gateway health {target}", prints: /OK/ },
  { args: "gateway probe {target}", prints: /Reachable: yes[^]*Capability: read-only/ },
  { args: "status", prints: /reachable/ },
  { args: "health", prints: /Agents: main \(default\)/ },
  { args: "cron list", prints: /No (automations|cron jobs)\./ },
  { args: "nodes list", prints: /Pending: 0 · Paired: 0/ },
  { args: "nodes status", prints: /Known: 0 · Paired: 0 · Connected: 0/ },
  { args: "devices list", prints: /No device pairing entries|Paired \(\d+\)/ },
  { args: "logs --limit 200 --plain", prints: /info gateway .*listening on/ },
  { args: "system presence", prints: /"mode": "gateway"/ },
  { args: "channels status", prints: /Gateway reachable/ },
  {
    args: `gateway call agent --expect-final --json {target} --params {"message":"hi","idempotencyKey":"{key}"}`,
    prints: /"text": "echo: hi"/,
  },
]

const current: ReadonlyArray<Command> = [
  { args: "gateway status {target}", prints: /Connectivity probe: ok/ },
  { args: "gateway stability {target}", prints: /Events: 0\/0/ },
  { args: "gateway usage-cost {target}", prints: /Total: \$0\.0000 · \d+ tokens/ },
  { args: "models list", prints: /echo\/echo/ },
  { args: "agent --agent main --message hello", prints: /^echo: hello$/m },
]

const run = (entry: string, args: ReadonlyArray<string>, homeDir: string): Promise<{ code: number; text: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [entry, ...args], {
      env: { PATH: env["PATH"], HOME: homeDir, NO_COLOR: "1", COLUMNS: "200" },
      timeout: TIMEOUT_MS,
    })
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.on("close", (code) => resolve({ code: code ?? -1, text }))
  })

const remoteHome = ({ token, wsUrl }: Gateway): string => {
  const folder = home()
  mkdirSync(join(folder, ".openclaw"))
  const config = { gateway: { mode: "remote", remote: { url: wsUrl, token } } }
  writeFileSync(join(folder, ".openclaw/openclaw.json"), JSON.stringify(config))
  return folder
}

export const commandLine = async (
  { entry, version }: Installed,
  gateway: Gateway,
  isCurrent: boolean,
): Promise<ReadonlyArray<Check>> => {
  const homeDir = remoteHome(gateway)
  const checks: Array<Check> = []
  for (const { args, prints } of isCurrent ? [...common, ...current] : common) {
    const words = args
      .split(" ")
      .flatMap((word) => (word === "{target}" ? ["--url", gateway.wsUrl, "--token", gateway.token] : [word]))
      .map((word) => word.replace("{key}", `acceptance-${version}`))
    const { code, text } = await run(entry, words, homeDir)
    const problem = code === 0 && prints.test(text) ? undefined : `exit ${code}: ${text.slice(-2_000)}`
    checks.push({ name: `openclaw ${args.replace(" {target}", "").replace(/ --params.*/, " …")}`, problem })
  }
  return checks
}
