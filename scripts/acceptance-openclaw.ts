/**
 * Tests OpenClaw's own clients against this gateway: two generations of its command line, its terminal UI and its Control
 * UI, installed from the npm registry. `npm run acceptance:openclaw` writes the results to docs/compatibility.md and fails
 * if a check fails. It needs the registry and takes some minutes.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { VERSION } from "../src/domain/Version.ts"
import { browser, chromiumPath } from "./openclaw/Browser.ts"
import { type Check, commandLine } from "./openclaw/CommandLine.ts"
import { type Gateway, startGateway } from "./openclaw/Gateway.ts"
import { terminal } from "./openclaw/Terminal.ts"
import { CURRENT, home, openclaw, PROTOCOL_3 } from "./openclaw/Installations.ts"

interface Result {
  readonly client: string
  readonly checks: ReadonlyArray<Check>
}

const say = (text: string) => process.stdout.write(`${text}\n`)

const report = async (client: string, checks: Promise<ReadonlyArray<Check>>): Promise<Result> => {
  say(`\n${client}`)
  const all = await checks
  for (const { name, problem } of all) say(problem === undefined ? `  ok    ${name}` : `  FAIL  ${name}\n${problem}`)
  return { client, checks: all }
}

const reportAll = async (gateway: Gateway): Promise<ReadonlyArray<Result>> => {
  const current = openclaw(CURRENT)
  const old = openclaw(PROTOCOL_3)
  const results = [
    await report(`openclaw ${CURRENT}, command line (protocol 4)`, commandLine(current, gateway, true)),
    await report(`openclaw ${CURRENT}, terminal UI (protocol 4)`, terminal(current, gateway)),
    await report(`openclaw ${PROTOCOL_3}, command line (protocol 3)`, commandLine(old, gateway, false)),
    await report(`openclaw ${PROTOCOL_3}, terminal UI (protocol 3)`, terminal(old, gateway)),
  ]
  const chromium = chromiumPath()
  if (chromium === undefined) {
    say("\nno Chromium found: skipping the Control UI")
    return results
  }
  const { checks, version } = await browser(chromium, gateway)
  const client = `openclaw ${CURRENT}, Control UI in Chromium ${version.split(".")[0]} (protocol 4)`
  return [...results, await report(client, Promise.resolve(checks))]
}

const section = (results: ReadonlyArray<Result>): string =>
  results
    .map(({ checks, client }) => {
      const lines = checks.map(({ name, problem }) => `- ${problem === undefined ? "works" : "FAILS"}: \`${name}\``)
      return `### ${client}\n\n${lines.join("\n")}\n`
    })
    .join("\n")

const PAGE = join(import.meta.dirname, "../docs/compatibility.md")
const BEGIN = "<!-- acceptance:openclaw -->"
const END = "<!-- /acceptance:openclaw -->"

const INTRODUCTION = `# Compatibility

This page lists the foreign clients that we test against this gateway, with the results. The test programs write the
lists.

## OpenClaw

\`npm run acceptance:openclaw\` installs OpenClaw's own programs outside this project and uses them as people do.

${BEGIN}
${END}
`

const record = (results: ReadonlyArray<Result>): void => {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : INTRODUCTION
  const before = page.slice(0, page.indexOf(BEGIN) + BEGIN.length)
  const after = page.slice(page.indexOf(END))
  const heading = `Tested with Causeway ${VERSION} on Node ${process.version}.`
  writeFileSync(PAGE, `${before}\n\n${heading}\n\n${section(results)}\n${after}`)
}

const gateway = await startGateway(home(), openclaw(CURRENT).controlUi)
try {
  const results = await reportAll(gateway)
  record(results)
  const failed = results.flatMap(({ checks }) => checks).filter(({ problem }) => problem !== undefined)
  process.exitCode = failed.length === 0 ? 0 : 1
} finally {
  await gateway.stop()
}
