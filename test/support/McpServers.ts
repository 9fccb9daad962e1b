/** MCP servers of the configuration in tests: their layer, and waits for their states. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { Logs } from "../../src/services/logs/Logs.ts"
import { McpServers } from "../../src/services/mcp/McpServers.ts"
import { Tools } from "../../src/services/tools/Tools.ts"

const PROGRAM = join(import.meta.dirname, "McpProgram.ts")

type Server = NonNullable<GatewayOptions["mcp"]>[string]

/** Returns the options of the program McpProgram.ts. */
export const program = (options: Server = {}, ...args: ReadonlyArray<string>): Server => ({
  command: process.execPath,
  args: [PROGRAM, ...args],
  ...options,
})

export const layer = (mcp: NonNullable<GatewayOptions["mcp"]>) =>
  McpServers.layer.pipe(
    Layer.provideMerge(Tools.layer),
    Layer.provideMerge(Logs.layer),
    Layer.provide(GatewayConfig.layer({ mcp, logLevel: "fatal" })),
  )

type Registry = Tools["Service"]

/** Waits until the tools and sources are as wanted. The registry has no events, so this asks every few milliseconds. */
export const until = (isWanted: (tools: Registry) => boolean) =>
  Effect.gen(function* () {
    const tools = yield* Tools
    while (!isWanted(tools)) yield* Effect.sleep("5 millis")
    return tools
  })

export const sourceOf = (tools: Registry, name: string) =>
  tools.sources().find((source) => source.name === `mcp/${name}`)

export const isReady = (name: string) => (tools: Registry) => sourceOf(tools, name)?.state === "ready"

export const hasFailed = (name: string) => (tools: Registry) => sourceOf(tools, name)?.state === "failed"

export const hasTool = (name: string) => (tools: Registry) => tools.all().some((tool) => tool.name === name)
