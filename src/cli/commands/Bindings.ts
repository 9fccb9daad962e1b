/**
 * `causeway bindings`: the rules that say which agent answers whom. How they are asked is docs/protocol/routing.md.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { type Binding, describe, type MatchKey } from "../../domain/Binding.ts"
import { confirm } from "../terminal/Confirm.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import * as Flags from "../client/Flags.ts"
import { show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const agent = Argument.String("agent").pipe(Argument.withDescription("The id of the agent that answers."))

/** Whom a binding claims: one of these, or everybody. */
const match = {
  peer: Flags.text("peer", "Who writes, e.g. 42, or telegram:42 on one channel only."),
  guild: Flags.text("guild", "The guild or team it is written in."),
  account: Flags.text("account", "The account it is written to."),
  channel: Flags.text("channel", "The channel it comes by, e.g. telegram."),
}

type Match = { readonly [Name in keyof typeof match]: Option.Option<string> }

const claimed = Effect.fnUntraced(function* ({ account, channel, guild, peer }: Match) {
  const claims: ReadonlyArray<readonly [typeof MatchKey.Type, Option.Option<string>]> = [
    ["peer_id", peer],
    ["guild_id", guild],
    ["account_id", account],
    ["channel", channel],
  ]
  const [claim, ...others] = claims.flatMap(([matchKey, value]) =>
    Option.isSome(value) ? [{ matchKey, matchValue: value.value }] : [],
  )
  if (others.length > 0) {
    return yield* new CommandFailed({
      problem: "a binding claims by one thing",
      remedy: "give one of --peer, --guild, --account and --channel, or none for everybody",
      exitCode: ExitCode.usage,
    })
  }
  return claim ?? ({ matchKey: "default", matchValue: "*" } as const)
})

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["bindings.list"]({})
    yield* show(json, answer, () =>
      answer.bindings.length === 0
        ? "No bindings: the agent main answers everybody."
        : table(["TIER", "MATCHES", "AGENT", "PRIORITY"], answer.bindings.map(row)),
    )
  }),
).pipe(Command.withDescription("List the bindings, in the order in which they are asked."), Target.connected)

const row = ({ agentId, matchKey, matchValue, priority, tier }: Binding) => [
  tier,
  matchKey === "default" ? "everybody" : `${matchKey} ${matchValue}`,
  agentId,
  priority,
]

const set = Command.make(
  "set",
  {
    agent,
    ...match,
    priority: Flag.Int("priority").pipe(
      Flag.withDescription("Among bindings of one tier the higher goes first."),
      Flag.withDefault(0),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, priority, ...flags }) {
    const { calls } = yield* GatewayClient
    const binding = yield* calls["bindings.set"]({ agentId: agent, priority, ...(yield* claimed(flags)) })
    yield* show(json, binding, () => describe(binding))
  }),
).pipe(
  Command.withDescription("Let an agent answer whom it did not answer before. The same binding again is replaced."),
  Command.withExamples([
    {
      command: "causeway bindings set luna --channel telegram",
      description: "luna answers all that comes by Telegram",
    },
    { command: "causeway bindings set luna --peer telegram:42", description: "luna answers one person" },
    { command: "causeway bindings set luna", description: "luna answers what no other binding claims" },
  ]),
  Target.connected,
)

const remove = Command.make(
  "remove",
  { agent, ...match, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ agent, json, yes, ...flags }) {
    const { calls } = yield* GatewayClient
    const { matchKey, matchValue } = yield* claimed(flags)
    yield* confirm(`removes the binding of ${matchKey} ${matchValue} to ${agent}`, yes)
    const answer = yield* calls["bindings.remove"]({ agentId: agent, matchKey, matchValue })
    if (!answer.removed) {
      return yield* new CommandFailed({
        problem: `no binding of ${matchKey} ${matchValue} to ${agent}`,
        remedy: "bindings list shows those there are",
        exitCode: ExitCode.failed,
      })
    }
    yield* show(json, answer, () => "The binding is removed.")
  }),
).pipe(
  Command.withDescription("Remove a binding: name it as it was set."),
  Command.withExamples([{ command: "causeway bindings remove luna --channel telegram", description: "Asks first" }]),
  Target.connected,
)

export const bindings = Command.make("bindings").pipe(
  Command.withDescription("Say which agent answers whom."),
  Command.withSubcommands([list, set, remove]),
)
