/**
 * `causeway bindings`: lists, sets and removes bindings, the rules that say which agent answers which messages.
 * docs/protocol/routing.md has their order of precedence.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { type Binding, describe, type MatchKey } from "../../domain/Binding.ts"
import { confirm } from "../terminal/Confirm.ts"
import { CommandFailed, ExitCode, usageError } from "../terminal/ExitCode.ts"
import * as Flags from "../client/Flags.ts"
import { show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const agent = Argument.String("agent").pipe(Argument.withDescription("The id of the agent that answers."))

/** A binding matches by one of these, or it matches all messages. */
const match = {
  peer: Flags.text("peer", "The sender, e.g. 42, or telegram:42 on one channel only."),
  guild: Flags.text("guild", "The guild or team of the message."),
  account: Flags.text("account", "The account that receives the message."),
  channel: Flags.text("channel", "The channel of the message, e.g. telegram."),
}

type Match = { readonly [Name in keyof typeof match]: Option.Option<string> }

const matchOf = Effect.fnUntraced(function* ({ account, channel, guild, peer }: Match) {
  const keys: ReadonlyArray<readonly [typeof MatchKey.Type, Option.Option<string>]> = [
    ["peer_id", peer],
    ["guild_id", guild],
    ["account_id", account],
    ["channel", channel],
  ]
  const [only, ...others] = keys.flatMap(([matchKey, value]) =>
    Option.isSome(value) ? [{ matchKey, matchValue: value.value }] : [],
  )
  if (others.length > 0) {
    return yield* usageError(
      "a binding matches by one property",
      "use one of --peer, --guild, --account and --channel, or none to match all messages",
    )
  }
  return only ?? ({ matchKey: "default", matchValue: "*" } as const)
})

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["bindings.list"]({})
    yield* show(json, answer, () =>
      answer.bindings.length === 0
        ? "No bindings: the agent main answers all messages."
        : table(["TIER", "MATCHES", "AGENT", "PRIORITY"], answer.bindings.map(row)),
    )
  }),
).pipe(Command.withDescription("List the bindings in order of precedence."), Target.connected)

const matchText = ({ matchKey, matchValue }: Pick<Binding, "matchKey" | "matchValue">): string =>
  matchKey === "default" ? "all messages" : `${matchKey} ${matchValue}`

const row = (binding: Binding) => [binding.tier, matchText(binding), binding.agentId, binding.priority]

const set = Command.make(
  "set",
  {
    agent,
    ...match,
    priority: Flag.Int("priority").pipe(
      Flag.withDescription("In a tier, bindings with a higher priority come first. Default: 0."),
      Flag.withDefault(0),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, priority, ...flags }) {
    const { calls } = yield* GatewayClient
    const binding = yield* calls["bindings.set"]({ agentId: agent, priority, ...(yield* matchOf(flags)) })
    yield* show(json, binding, () => describe(binding))
  }),
).pipe(
  Command.withDescription("Bind an agent to messages. Replaces an equal binding."),
  Command.withExamples([
    {
      command: "causeway bindings set luna --channel telegram",
      description: "luna answers all messages on Telegram",
    },
    { command: "causeway bindings set luna --peer telegram:42", description: "luna answers one sender" },
    { command: "causeway bindings set luna", description: "luna answers the messages that no other binding matches" },
  ]),
  Target.connected,
)

const remove = Command.make(
  "remove",
  { agent, ...match, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ agent, json, yes, ...flags }) {
    const { calls } = yield* GatewayClient
    const wanted = yield* matchOf(flags)
    yield* confirm(`removes the binding of ${matchText(wanted)} to ${agent}`, yes)
    const answer = yield* calls["bindings.remove"]({ agentId: agent, ...wanted })
    if (!answer.removed) {
      return yield* new CommandFailed({
        problem: `no binding of ${matchText(wanted)} to agent "${agent}"`,
        remedy: "list the bindings with `causeway bindings list`",
        exitCode: ExitCode.failed,
      })
    }
    yield* show(json, answer, () => "Removed the binding.")
  }),
).pipe(
  Command.withDescription("Remove a binding. Use the flags with which you set it."),
  Command.withExamples([
    { command: "causeway bindings remove luna --channel telegram", description: "Remove it after a confirmation" },
  ]),
  Target.connected,
)

export const bindings = Command.make("bindings").pipe(
  Command.withDescription("Decide which agent answers which messages."),
  Command.withSubcommands([list, set, remove]),
)
