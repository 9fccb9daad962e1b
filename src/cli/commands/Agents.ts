/**
 * `causeway agents`: who answers: list, make, change and remove agents.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { type Agent, DmScope } from "../../domain/Agent.ts"
import { confirm } from "../terminal/Confirm.ts"
import * as Flags from "../client/Flags.ts"
import { counted, shortened, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const id = Argument.String("id").pipe(Argument.withDescription("The agent's id, as `agents list` shows it."))

const settings = {
  personality: Flags.text("personality", "The instruction that its runtime gets before each conversation."),
  model: Flags.text("model", "The model it thinks with, of those that `causeway call models.list` gives."),
  runtime: Flags.text("runtime", "The runtime it thinks in. Left out: the gateway's."),
  "dm-scope": Flag.Literals("dm-scope", DmScope.literals).pipe(
    Flag.withDescription("How its direct messages are split into sessions; see docs/protocol/routing.md."),
    Flag.optional,
  ),
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
    shortened(personality, 60),
  ])

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("What it calls itself.")),
    id: Flags.text("id", "Its id. Left out: made from the name."),
    ...settings,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ "dm-scope": dmScope, id, json, model, name, personality, runtime }) {
    const { calls } = yield* GatewayClient
    const agent = yield* calls["agents.create"]({
      name,
      ...Flags.given({ id, personality, model, runtime, dmScope }),
    })
    yield* show(json, agent, () => `The agent ${agent.id} is there. Talk to it: causeway chat --agent ${agent.id}`)
  }),
).pipe(
  Command.withDescription("Make an agent."),
  Command.withExamples([
    {
      command: 'causeway agents create Luna --personality "You answer in verse."',
      description: "Makes the agent luna",
    },
  ]),
  Target.connected,
)

const update = Command.make(
  "update",
  {
    id,
    name: Flags.text("name", "What it calls itself."),
    ...settings,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ "dm-scope": dmScope, id, json, model, name, personality, runtime }) {
    const { calls } = yield* GatewayClient
    const changes = Flags.given({ name, personality, model, runtime, dmScope })
    const agent = yield* calls["agents.update"]({ id, ...changes })
    yield* show(json, agent, () =>
      table(["ID", "NAME", "MODEL", "RUNTIME", "DM SCOPE", "PERSONALITY"], rows({ agents: [agent] })),
    )
  }),
).pipe(
  Command.withDescription("Change an agent. What is left out stays as it is."),
  Command.withExamples([{ command: "causeway agents update luna --model gpt-5", description: "Another model" }]),
  Target.connected,
)

const remove = Command.make(
  "delete",
  { id, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ id, json, yes }) {
    const { calls } = yield* GatewayClient
    const agent = yield* calls["agents.get"]({ id })
    yield* confirm(`removes the agent ${agent.id} and the bindings to it; its sessions stay`, yes)
    const answer = yield* calls["agents.delete"]({ id })
    yield* show(
      json,
      answer,
      () => `The agent ${agent.id} is removed, and ${counted(answer.removedBindings, "binding")} to it.`,
    )
  }),
).pipe(
  Command.withDescription("Remove an agent and the bindings to it. Its sessions stay and can be read."),
  Command.withExamples([{ command: "causeway agents delete luna", description: "Asks first" }]),
  Target.connected,
)

export const agents = Command.make("agents").pipe(
  Command.withDescription("List, make, change and remove agents."),
  Command.withSubcommands([list, create, update, remove]),
)
