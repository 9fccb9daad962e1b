/**
 * Tools: the methods that list the tools of the gateway and those of a session. Methods.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { ToolInfo } from "../../../domain/Tool.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, trimmed } from "../../dialect/Params.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { invalid, key, name } from "../wire/Params.ts"
import { canonicalKey } from "./SessionKeys.ts"

/** Agents of this gateway have permissions by the names of tools, not profiles. */
const PROFILE = "full"

const profiles = [{ id: PROFILE, label: "Full" }]

const isCore = ({ source }: ToolInfo): boolean => source === "gateway"

/** Returns the groups of items by a key, in the order of their first items. */
const grouped = (tools: ReadonlyArray<ToolInfo>, groupOf: (tool: ToolInfo) => string) => [
  ...Map.groupBy(tools, groupOf),
]

const originOf = (source: string) =>
  source === "gateway" ? { source: "core" } : { source: "plugin", pluginId: source }

const catalogEntry = ({ description, name, permission, source }: ToolInfo) => ({
  id: name,
  label: name,
  description,
  ...originOf(source),
  ...(permission === "ask" && { risk: "high" }),
  defaultProfiles: permission === "deny" ? [] : [PROFILE],
})

const catalogGroup = ([source, tools]: readonly [string, ReadonlyArray<ToolInfo>]) => ({
  id: source,
  label: source,
  ...originOf(source),
  tools: tools.map(catalogEntry),
})

const catalog = dialectMethod(Schema.Struct({ agentId: name }), ({ agentId }) =>
  Effect.map(call("tools.list", { agentId: trimmed(agentId) ?? MAIN_AGENT }), ({ agentId, tools }) => ({
    agentId,
    profiles,
    groups: grouped(tools, ({ source }) => source).map(catalogGroup),
  })),
)

const MCP = "mcp/"

/** Returns the kind of source in this dialect. */
const kindOf = (tool: ToolInfo): string => (isCore(tool) ? "core" : tool.source.startsWith(MCP) ? "mcp" : "plugin")

const labels: Readonly<Record<string, string>> = { core: "Gateway", mcp: "MCP servers", plugin: "Program" }

const effectiveTool = (tool: ToolInfo) => {
  const { description, name, permission, source } = tool
  const kind = kindOf(tool)
  return {
    id: name,
    label: name,
    description,
    rawDescription: description,
    source: kind,
    ...(kind === "mcp" && { mcpServer: source.slice(MCP.length) }),
    ...(kind === "plugin" && { pluginId: source }),
    ...(permission === "ask" && { risk: "high" }),
  }
}

const effective = dialectMethod(Schema.Struct({ sessionKey: key, agentId: name }), ({ agentId, sessionKey }) =>
  Effect.gen(function* () {
    if (sessionKey == null) return yield* invalid("sessionKey is required")
    const resolved = yield* call("sessions.resolve", {
      key: canonicalKey(sessionKey, agentId),
      ...given({ agentId: trimmed(agentId) }),
    })
    const { sources, tools } = yield* call("tools.list", { agentId: resolved.agentId })
    const missing = sources.filter(({ state }) => state !== "ready")
    return {
      agentId: resolved.agentId,
      profile: PROFILE,
      groups: grouped(
        tools.filter(({ permission }) => permission !== "deny"),
        kindOf,
      ).map(([kind, members]) => ({
        id: kind,
        label: labels[kind] ?? kind,
        source: kind,
        tools: members.map(effectiveTool),
      })),
      ...(missing.length > 0 && {
        notices: missing.map(({ name, problem, state }) => ({
          id: name,
          severity: state === "failed" ? "warning" : "info",
          message: problem ?? `${name} is starting`,
          servers: [name],
        })),
      }),
    }
  }),
)

export const toolMethods: ReadonlyArray<Row> = [
  ["tools.catalog", "operator.read", catalog],
  ["tools.effective", "operator.read", effective],
]
