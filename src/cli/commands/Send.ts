/**
 * `causeway send`: sends one message to an agent and prints the reply as it arrives. Ctrl-C aborts the run too.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { GatewayClient } from "../../client/GatewayClient.ts"
import * as Flags from "../client/Flags.ts"
import { printReply } from "../client/PrintReply.ts"
import * as AttachedFiles from "../terminal/AttachedFiles.ts"
import { standardInput } from "../terminal/StandardInput.ts"
import * as Target from "../client/Target.ts"

const Limits = Schema.Struct({ limits: Schema.Struct({ frameBytes: Schema.Int }) })

/** Reads the files within the limit of the gateway. */
const filesOf = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  if (paths.length === 0) return []
  const { calls } = yield* GatewayClient
  const { config } = yield* calls["config.get"]({})
  const { limits } = yield* Effect.orDie(Schema.decodeUnknownEffect(Limits)(config))
  return yield* AttachedFiles.read(paths, limits.frameBytes)
})

export const send = Command.make(
  "send",
  {
    text: Argument.String("text").pipe(
      Argument.withDescription("The message; - reads it from standard input."),
      Argument.variadic({ min: 1 }),
    ),
    session: Flags.text("session", "The session. Default: the main session of the agent."),
    agent: Flags.text("agent", "The agent. Default: the agent of the session, or main."),
    attach: Flags.list("attach", "A file to attach. Repeat the flag for several files.", 32),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, attach, json, session, text }) {
    const typed = text.join(" ")
    const message = typed === "-" ? (yield* standardInput).trimEnd() : typed
    const target = Flags.given({ sessionKey: session, agentId: agent })
    const files = yield* filesOf(Option.getOrElse(attach, () => []))
    yield* printReply({ text: message, ...target, ...(files.length > 0 && { attachments: files }) }, json)
  }),
).pipe(
  Command.withDescription(
    "Send a message to an agent and print its reply as it arrives. Ctrl-C aborts the run. The reply continues after a restart of the gateway.",
  ),
  Command.withShortDescription("Send a message and print the reply."),
  Command.withExamples([
    { command: 'causeway send "hello"', description: "Send to the main agent" },
    { command: "git diff | causeway send --session review -", description: "Read the message from standard input" },
    { command: 'causeway send --attach cat.png "What is it?"', description: "Attach a file" },
    { command: 'causeway send --session work --json "hello"', description: "Print each event as one line of JSON" },
  ]),
  Target.connected,
)
