/**
 * `causeway agents`: lists, creates, changes and removes agents.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { type Agent, DmScope, ToolPermissions } from "../../domain/Agent.ts"
import { QueueMode, ThinkingLevel } from "../../domain/Run.ts"
import { confirm } from "../terminal/Confirm.ts"
import * as Flags from "../client/Flags.ts"
import { counted, oneLine, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const id = Argument.String("id").pipe(Argument.withDescription("The id of the agent (see `causeway agents list`)."))

const settings = {
  personality: Flags.text("personality", "The instruction for its runtime, before each conversation."),
  model: Flags.text("model", "The model (see `causeway models list`)."),
  runtime: Flags.text("runtime", "The runtime. Default: the runtime of the gateway."),
  "dm-scope": Flags.oneOf(
    "dm-scope",
    DmScope.literals,
    "How direct messages are split into sessions (docs/protocol/routing.md).",
  ),
  fallback: Flags.list("fallback", "A model to try if the first one fails; repeat it for more. Empty: none.", 8),
  document: Flags.list("document", "The id of a document for its prompt; repeat it for more. Empty: none.", 32),
  tool: Flag.KeyValuePair("tool").pipe(
    Flag.withDescription(
      "A tool and its permission: NAME=allow, ask or deny; repeat it for more. Replaces all others.",
    ),
    Flag.filterMap(Schema.decodeUnknownOption(ToolPermissions), () => "NAME=allow, NAME=ask or NAME=deny"),
    Flag.optional,
  ),
  thinking: Flags.oneOf("thinking", ThinkingLevel.literals, "How much its model thinks before it answers."),
  queue: Flags.oneOf("queue", QueueMode.literals, "The treatment of messages that arrive during a run."),
}

type ValueOf<F> = F extends Flag.Flag<infer A> ? A : never

/** Returns the settings that the user gave, by their names in the contract. */
const settingsOf = (flags: { readonly [Name in keyof typeof settings]: ValueOf<(typeof settings)[Name]> }) => {
  const { "dm-scope": dmScope, document: documents, fallback: fallbacks, tool: tools, ...same } = flags
  const { model, personality, queue, runtime, thinking } = same
  return Flags.given({ personality, model, runtime, dmScope, fallbacks, documents, tools, thinking, queue })
}

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["agents.list"]({})
    yield* show(json, answer, () => table(["ID", "NAME", "MODEL", "RUNTIME", "DM SCOPE", "PERSONALITY"], rows(answer)))
  }),
).pipe(Command.withDescription("List the agents."), Target.connected)

const rows = ({ agents }: { readonly agents: ReadonlyArray<Agent> }) =>
  agents.map(({ dmScope, id, model, name, personality, runtime }) => [
    id,
    name,
    model === "" ? null : model,
    runtime === "" ? null : runtime,
    dmScope,
    oneLine(personality, 60),
  ])

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The name of the agent.")),
    id: Flags.text("id", "The id of the agent. Default: derived from the name."),
    ...settings,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ id, json, name, ...flags }) {
    const { calls } = yield* GatewayClient
    const agent = yield* calls["agents.create"]({ name, ...Flags.given({ id }), ...settingsOf(flags) })
    yield* show(json, agent, () => `Created agent ${agent.id}. Chat with it: causeway chat --agent ${agent.id}`)
  }),
).pipe(
  Command.withDescription("Create an agent."),
  Command.withExamples([
    {
      command: 'causeway agents create Luna --personality "You answer in verse."',
      description: "Create the agent luna",
    },
  ]),
  Target.connected,
)

const update = Command.make(
  "update",
  {
    id,
    name: Flags.text("name", "The name of the agent."),
    ...settings,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ id, json, name, ...flags }) {
    const { calls } = yield* GatewayClient
    const agent = yield* calls["agents.update"]({ id, ...Flags.given({ name }), ...settingsOf(flags) })
    yield* show(json, agent, () =>
      table(["ID", "NAME", "MODEL", "RUNTIME", "DM SCOPE", "PERSONALITY"], rows({ agents: [agent] })),
    )
  }),
).pipe(
  Command.withDescription("Change the given settings of an agent."),
  Command.withExamples([
    { command: "causeway agents update luna --model gpt-5", description: "Use another model" },
    {
      command: "causeway agents update luna --tool 'files_*=allow' --tool '*=ask'",
      description: "Allow some tools and ask before all others",
    },
  ]),
  Target.connected,
)

const remove = Command.make(
  "delete",
  { id, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ id, json, yes }) {
    const { calls } = yield* GatewayClient
    const agent = yield* calls["agents.get"]({ id })
    yield* confirm(`removes the agent ${agent.id} and its bindings, and keeps its sessions`, yes)
    const answer = yield* calls["agents.delete"]({ id })
    yield* show(json, answer, () => `Removed agent ${agent.id} and ${counted(answer.removedBindings, "binding")}.`)
  }),
).pipe(
  Command.withDescription("Remove an agent and its bindings. Its sessions remain readable."),
  Command.withExamples([
    { command: "causeway agents delete luna", description: "Remove the agent after a confirmation" },
  ]),
  Target.connected,
)

export const agents = Command.make("agents").pipe(
  Command.withDescription("List, create, change and remove agents."),
  Command.withSubcommands([list, create, update, remove]),
)
