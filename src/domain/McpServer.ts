/**
 * McpServer: the options of an MCP server, `mcp.<name>` in the configuration. GatewayConfig.ts has them, and the service
 * folder `mcp` connects to each.
 */
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ToolPermission } from "./Agent.ts"
import { programFields } from "./LocalProgram.ts"
import { headers, isUrl, option, optional } from "./Setting.ts"

const IsHttpUrl = isUrl(/^https?:$/, "https://mcp.example.org/mcp", "they belong into headers")

const Fields = Schema.Struct({
  command: optional(
    Schema.NonEmptyString,
    "The program of a local server: a path, or a name that is looked up in PATH.",
  ),
  ...programFields("program"),
  cwd: optional(Schema.NonEmptyString, "The folder in which the program works. Left out: the gateway's own."),
  url: optional(
    Schema.String.check(IsHttpUrl),
    "The address of a remote server (Streamable HTTP). Give either `url` or `command`.",
  ),
  headers: headers("authorization", "Headers of every request to `url`. Their values count as secrets."),
  timeoutMs: option(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 })),
    60_000,
    "How long a call of one of its tools may take.",
  ),
  permission: option(
    ToolPermission,
    "allow",
    "The permission for its tools of agents that do not set one. `ask` suits servers whose tools change something.",
  ),
})

export const McpServerSettings = Fields.check(
  Schema.makeFilter(({ command, url }) =>
    (command === undefined) === (url === undefined) ? "must have either a command or a url" : undefined,
  ),
)
export type McpServerSettings = typeof McpServerSettings.Type

/** Returns the secrets of the server: the values of its variables and its headers. */
export const secretsOf = ({ env, headers }: McpServerSettings): ReadonlyArray<Redacted.Redacted> => [
  ...Object.values(env),
  ...Object.values(headers),
]

/** The name of a server. The names of its tools begin with it. */
const McpServerName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, { expected: "a name of 1 to 32 letters, digits, - and _" }),
)

/** The MCP servers by their names. */
export const McpServers = Schema.Record(McpServerName, McpServerSettings)
