/**
 * AgentMcpServers: the MCP servers of the configuration in the form in which an agent gets them with its session. The agent
 * connects to them by itself. AcpRuntime and AgentSession use it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type McpServerSettings, secretsOf } from "../../../domain/McpServer.ts"
import { environmentFor } from "../../processes/ProcessEnvironment.ts"
import type { AgentProblems } from "./AgentProblems.ts"

export type McpServersByName = Readonly<Record<string, McpServerSettings>>

type Pair = { readonly name: string; readonly value: string }

const pairs = (values: Readonly<Record<string, string>>): ReadonlyArray<Pair> =>
  Object.entries(values).map(([name, value]) => ({ name, value }))

const find = (servers: McpServersByName, name: string) => (Object.hasOwn(servers, name) ? servers[name] : undefined)

/** Returns the secrets of the servers with these names. An agent with these servers knows them. */
export const secretsOfAll = (names: ReadonlyArray<string>, servers: McpServersByName) =>
  names.flatMap((name) => {
    const server = find(servers, name)
    return server === undefined ? [] : secretsOf(server)
  })

/** Returns the servers with these names. Fails if the configuration has no such server, or the agent takes no remote ones. */
export const serversFor = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  servers: McpServersByName,
  takesHttp: boolean,
  problems: AgentProblems,
) {
  const found: Array<object> = []
  for (const name of names) {
    const server = find(servers, name)
    if (server === undefined) {
      return yield* problems.failed(
        `${problems.runtime} wants the MCP server "${name}", and the option mcp has none of this name. Add it, or correct the agent's option mcp.`,
        "configuration",
      )
    }
    const { args, command, env, headers, inherit, url } = server
    if (command !== undefined) {
      // The agent passes on its own environment as it likes, so the server gets all of its variables here.
      found.push({ name, command, args, env: pairs(yield* environmentFor(env, inherit)) })
    } else if (takesHttp) {
      const values = Object.entries(headers).map(([header, value]) => [header, Redacted.value(value)])
      found.push({ type: "http", name, url, headers: pairs(Object.fromEntries(values)) })
    } else {
      return yield* problems.failed(
        `${problems.runtime} takes local MCP servers only, and "${name}" is remote. Remove it from the agent's option mcp.`,
        "configuration",
      )
    }
  }
  return found
})
