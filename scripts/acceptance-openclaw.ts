/**
 * Tests OpenClaw's own clients against this gateway: two generations of its command line, its terminal UI and its Control
 * UI, installed from the npm registry. Then tests our client against OpenClaw's own gateway. `npm run acceptance:openclaw`
 * writes the results to docs/compatibility.md and fails if a check fails. It needs the registry and takes some minutes.
 */
import { home } from "./acceptance/Installation.ts"
import { record, report, type Result, say } from "./acceptance/Report.ts"
import { browser, chromiumPath } from "./openclaw/Browser.ts"
import { commandLine } from "./openclaw/CommandLine.ts"
import { type Gateway, startGateway } from "./openclaw/Gateway.ts"
import { operatorClient } from "./openclaw/OperatorClient.ts"
import { terminal } from "./openclaw/Terminal.ts"
import { CURRENT, openclaw, PROTOCOL_3 } from "./openclaw/Installations.ts"

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

const gateway = await startGateway(home(), openclaw(CURRENT).controlUi)
try {
  record("openclaw", await reportAll(gateway))
} finally {
  await gateway.stop()
}

const client = report(`openclaw ${CURRENT}, gateway (protocol 4)`, operatorClient(openclaw(CURRENT)))
record("openclaw-gateway", [await client])
