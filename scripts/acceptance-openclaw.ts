/**
 * Tests OpenClaw's own programs against this gateway: two generations of its command line and its terminal UI, and its
 * Control UI in a browser. Then tests our client and our fleet against OpenClaw's own gateway.
 *
 * `npm run acceptance:openclaw` writes the results to docs/compatibility.md and fails if a check fails. It needs the registry
 * and takes some minutes. `npm run acceptance:openclaw -- approvals` runs one group.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Checks from "./acceptance/Checks.ts"
import { type Check, record, type Result, say } from "./acceptance/Report.ts"
import { approvals } from "./openclaw/Approvals.ts"
import { attachments } from "./openclaw/Attachments.ts"
import { commandLine } from "./openclaw/CommandLine.ts"
import { controlUi } from "./openclaw/ControlUi.ts"
import { fleet } from "./openclaw/Fleet.ts"
import { operatorClient } from "./openclaw/OperatorClient.ts"
import { questions } from "./openclaw/Questions.ts"
import { terminal } from "./openclaw/Terminal.ts"
import { CURRENT, openclaw, PROTOCOL_3 } from "./openclaw/Installations.ts"

interface Program {
  /** The group that it belongs to. */
  readonly group: string
  readonly name: string
  readonly checks: Effect.Effect<ReadonlyArray<Check>, never, Scope.Scope>
}

const current = openclaw(CURRENT)
const old = openclaw(PROTOCOL_3)

/** OpenClaw's clients. */
const clients: ReadonlyArray<Program> = [
  {
    group: "command-line",
    name: `openclaw ${CURRENT}, command line (protocol 4)`,
    checks: commandLine(current, true),
  },
  {
    group: "command-line",
    name: `openclaw ${PROTOCOL_3}, command line (protocol 3)`,
    checks: commandLine(old, false),
  },
  { group: "terminal", name: `openclaw ${CURRENT}, terminal UI (protocol 4)`, checks: terminal(current) },
  { group: "terminal", name: `openclaw ${PROTOCOL_3}, terminal UI (protocol 3)`, checks: terminal(old) },
  { group: "control-ui", name: `openclaw ${CURRENT}, Control UI in Chromium (protocol 4)`, checks: controlUi },
  { group: "approvals", name: `openclaw ${CURRENT}, approvals`, checks: approvals(current, old) },
  { group: "attachments", name: `openclaw ${CURRENT}, attachments`, checks: attachments },
  { group: "questions", name: `openclaw ${CURRENT}, questions`, checks: questions },
]

/** OpenClaw's gateway. */
const gateways: ReadonlyArray<Program> = [
  { group: "client", name: `openclaw ${CURRENT}, gateway (protocol 4)`, checks: operatorClient(current) },
  { group: "fleet", name: `openclaw ${CURRENT}, gateway as upstream of the fleet`, checks: fleet(current) },
]

const groups = new Set([...clients, ...gateways].map(({ group }) => group))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((group) => !groups.has(group))
if (unknown.length > 0) {
  say(`unknown group "${unknown.join(" ")}". The groups are: ${[...groups].join(", ")}`)
  process.exit(2)
}

/** Runs the wanted programs and records their results. */
const run = async (mark: string, programs: ReadonlyArray<Program>): Promise<void> => {
  const results: Array<Result> = []
  for (const { checks, group, name } of programs) {
    if (wanted.length > 0 && !wanted.includes(group)) continue
    results.push(await Checks.run(name, checks))
  }
  const names = programs.map(({ name }) => name)
  if (results.length > 0) record(mark, names, results)
}

await run("openclaw", clients)
await run("openclaw-gateway", gateways)
