/**
 * AcpAgent: the options of a command-line agent, `acp.<name>` in the configuration. GatewayConfig.ts has them, and
 * AcpRuntimes makes a runtime `acp/<name>` of each.
 */
import * as Schema from "effect/Schema"
import { NAME_CHARS, nonEmptyText } from "./Bounds.ts"
import { ToolPermissions } from "./Agent.ts"
import { programFields } from "./LocalProgram.ts"
import { EntryName, option, optional } from "./Setting.ts"

/** The kinds of calls for which agents ask, as ACP names them. */
const CALL_KINDS = ["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"]

const HasCallKinds = Schema.makeFilter((permissions: ToolPermissions) => {
  const unknown = Object.keys(permissions).find((kind) => kind !== "*" && !CALL_KINDS.includes(kind))
  return unknown === undefined ? undefined : `has no kind "${unknown}". The kinds are ${CALL_KINDS.join(", ")} and *`
})

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))

export const AcpAgentSettings = Schema.Struct({
  command: Schema.NonEmptyString.annotateKey({
    description: "The program: a path, or a name that is looked up in PATH.",
  }),
  ...programFields("agent", { args: ", e.g. [--acp]", inherit: ", e.g. [OPENAI_API_KEY]" }),
  cwd: optional(
    Schema.NonEmptyString,
    "The folder in which the agent works. Left out: the gateway makes an empty one, acp/<name>, in its state folder.",
  ),
  permissions: option(
    ToolPermissions.check(HasCallKinds),
    {},
    "The answers to the agent's permission requests by the kind of the call: `allow`, `ask` or `deny`, e.g. {read: allow, execute: deny}. `*`: all other kinds. Left out: `ask`. The `tools` of a gateway's agent win.",
  ),
  login: optional(
    nonEmptyText(NAME_CHARS),
    "The id of the agent's login method to use if the agent asks for one, e.g. openai-api-key. The error of a missing login lists the ids.",
  ),
  mcp: option(
    Schema.Array(nonEmptyText(NAME_CHARS)).check(Schema.isMaxLength(64)),
    [],
    "Names of MCP servers of the option `mcp` that the agent connects to by itself, e.g. [github].",
  ),
  processes: option(
    Count,
    4,
    "Processes of this agent. Each session in use has one of its own; further sessions wait. An agent takes 100 to 500 MB.",
  ),
  idleMs: option(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400_000 })),
    300_000,
    "How long a process without a run stays. A longer time makes replies start earlier, a shorter one frees memory earlier.",
  ),
})
export type AcpAgentSettings = typeof AcpAgentSettings.Type

/** The command-line agents by their names. */
export const AcpAgents = Schema.Record(EntryName, AcpAgentSettings)
export type AcpAgents = typeof AcpAgents.Type
