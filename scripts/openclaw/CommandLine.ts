/**
 * Tests OpenClaw's command line against the gateway: runs its gateway commands and checks their output. They find the
 * gateway by address and token, or by a configuration that names a remote gateway. The other tests of OpenClaw's clients
 * run commands with it.
 */
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as GatewayProcess from "../../test/support/GatewayProcess.ts"
import * as Checks from "../acceptance/Checks.ts"
import { home } from "../acceptance/Installation.ts"
import { echoing } from "./Gateways.ts"
import type { Installed } from "./Installations.ts"

interface Command {
  readonly args: string
  readonly prints: RegExp
}

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

export const wsUrl = ({ url }: GatewayProcess.GatewayProcess) => url.replace("http", "ws")

/** Returns the function that runs `openclaw ...args` and returns its output. The commands use the gateway by themselves. */
export const openclawCommand = ({ entry }: Installed, gateway: GatewayProcess.GatewayProcess) => {
  const folder = home()
  mkdirSync(join(folder, ".openclaw"))
  const config = { gateway: { mode: "remote", remote: { url: wsUrl(gateway), token: gateway.token } } }
  writeFileSync(join(folder, ".openclaw/openclaw.json"), JSON.stringify(config))
  const env = { HOME: folder, NO_COLOR: "1", COLUMNS: "200" }
  return (...args: ReadonlyArray<string>) =>
    Effect.map(
      Effect.scoped(Effect.flatMap(GatewayProcess.program(entry, args, { env }), ({ exit }) => exit)),
      ({ code, stderr, stdout }) => `${stdout}${stderr}\nexit ${code}`,
    )
}

export const commandLine = Effect.fnUntraced(function* (installed: Installed, isCurrent: boolean) {
  const gateway = yield* echoing
  const run = openclawCommand(installed, gateway)
  const { check, checks } = Checks.make()
  for (const { args, prints } of isCurrent ? [...common, ...current] : common) {
    const words = args
      .split(" ")
      .flatMap((word) => (word === "{target}" ? ["--url", wsUrl(gateway), "--token", gateway.token] : [word]))
      .map((word) => word.replace("{key}", `acceptance-${installed.version}`))
    yield* check(
      `openclaw ${args.replace(" {target}", "").replace(/ --params.*/, " …")}`,
      Effect.flatMap(run(...words), (output) =>
        Checks.contains(output, new RegExp(`${prints.source}[^]*exit 0$`, "m")),
      ),
    )
  }
  return checks
})
