/** Starts this gateway for OpenClaw's clients: the binary of this project as a process, with OpenClaw's Control UI. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FakeProvider from "../../test/support/FakeProvider.ts"
import { type GatewayProcess, start } from "../../test/support/GatewayProcess.ts"
import * as Checks from "../acceptance/Checks.ts"
import { answers } from "../acceptance/FakeModel.ts"
import { home } from "../acceptance/Installation.ts"
import { CURRENT, openclaw } from "./Installations.ts"

const MCP_PROGRAM = join(import.meta.dirname, "../../test/support/McpProgram.ts")

/** Calls a method of the contract over HTTP, and decodes its result. */
export const calling =
  <S extends Schema.Top & { readonly DecodingServices: never }>(
    { token, url }: GatewayProcess,
    method: string,
    result: S,
  ) =>
  async (): Promise<S["Type"]> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
    const answer = await fetch(`${url}/api/rpc/${method}`, { method: "POST", headers, body: "{}" })
    return Schema.decodeUnknownPromise(result)(await answer.json())
  }

/** Starts a gateway with its state in the folder. */
const startIn = (folder: string, ...args: ReadonlyArray<string>) =>
  start({
    stateDir: join(folder, "state"),
    args,
    env: { HOME: folder, GATEWAY_CONTROL_UI_DIR: openclaw(CURRENT).controlUi },
  })

/** A gateway whose agent echoes. */
export const echoing = Effect.suspend(() => startIn(home()))

/** A gateway with its configuration and its state in the folder. */
export const configured = (folder: string, config: object) =>
  Effect.suspend(() => {
    const file = join(folder, "causeway.yaml")
    writeFileSync(file, JSON.stringify(config))
    return startIn(folder, "--config", file)
  })

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
  const { baseUrl } = provider
  const mcp = { outside: { command: process.execPath, args: [MCP_PROGRAM, "--calls", callsFile] } }
  const providers = { local: { kind: "openai", baseUrl: baseUrl.openai, models: [{ id: "fake", input: ["image"] }] } }
  const gateway = yield* configured(folder, { model: "local/fake", providers, mcp })
  yield* gateway.cli("call", "agents.update", JSON.stringify({ id: "main", tools: { "outside_*": "ask" } }))
  yield* Checks.listed(gateway, "outside_echo")
  return { callsFile, gateway, provider }
})
