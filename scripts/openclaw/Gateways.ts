/** Starts this gateway for OpenClaw's clients: the binary of this project as a process, with OpenClaw's Control UI. */
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FakeProvider from "../../test/support/FakeProvider.ts"
import { type GatewayProcess, start } from "../../test/support/GatewayProcess.ts"
import { answers } from "../acceptance/FakeModel.ts"
import { home } from "../acceptance/Installation.ts"
import { CURRENT, openclaw } from "./Installations.ts"

const MCP_PROGRAM = join(import.meta.dirname, "../../test/support/McpProgram.ts")

const startIn = (folder: string, ...args: ReadonlyArray<string>) =>
  start({
    stateDir: join(folder, "state"),
    args,
    env: { HOME: folder, GATEWAY_CONTROL_UI_DIR: openclaw(CURRENT).controlUi },
  })

/** A gateway whose agent echoes. */
export const echoing = Effect.suspend(() => startIn(home()))

/**
 * A gateway whose agent has the fake model, and a tool `outside_echo` that asks an operator before each call.
 * `callsFile`: the file to which the tool writes a line for each call.
 */
export const withModel = Effect.gen(function* () {
  const folder = home()
  const callsFile = join(folder, "calls")
  writeFileSync(callsFile, "")
  const provider = yield* FakeProvider.make
  provider.script("fake", answers)
  const config = join(folder, "causeway.yaml")
  const { baseUrl } = provider
  const mcp = { outside: { command: process.execPath, args: [MCP_PROGRAM, "--calls", callsFile] } }
  const providers = { local: { kind: "openai", baseUrl: baseUrl.openai, models: [{ id: "fake", input: ["image"] }] } }
  writeFileSync(config, JSON.stringify({ model: "local/fake", providers, mcp }))
  const gateway = yield* startIn(folder, "--config", config)
  yield* gateway.cli("call", "agents.update", JSON.stringify({ id: "main", tools: { "outside_*": "ask" } }))
  yield* listed(gateway, "outside_echo")
  return { callsFile, gateway, provider }
})

/** Waits until the gateway lists the tool. */
export const listed = (gateway: GatewayProcess, tool: string): Effect.Effect<void> =>
  Effect.flatMap(gateway.cli("tools"), ({ stdout }) =>
    stdout.includes(tool) ? Effect.void : Effect.andThen(Effect.sleep("100 millis"), listed(gateway, tool)),
  )
