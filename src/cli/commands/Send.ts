/**
 * `causeway send`: sends one message to an agent and prints the reply as it arrives. Ctrl-C aborts the run too.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Flags from "../client/Flags.ts"
import { printReply } from "../client/PrintReply.ts"
import { standardInput } from "../terminal/StandardInput.ts"
import * as Target from "../client/Target.ts"

export const send = Command.make(
  "send",
  {
    text: Argument.String("text").pipe(
      Argument.withDescription("The message; - reads it from standard input."),
      Argument.variadic({ min: 1 }),
    ),
    session: Flags.text("session", "The session. Default: the main session of the agent."),
    agent: Flags.text("agent", "The agent. Default: the agent of the session, or main."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, session, text }) {
    const typed = text.join(" ")
    const message = typed === "-" ? (yield* standardInput).trimEnd() : typed
    yield* printReply({ text: message, ...Flags.given({ sessionKey: session, agentId: agent }) }, json)
  }),
).pipe(
  Command.withDescription(
    "Send a message to an agent and print its reply as it arrives. Ctrl-C aborts the run. The reply continues after a restart of the gateway.",
  ),
  Command.withShortDescription("Send a message and print the reply."),
  Command.withExamples([
    { command: 'causeway send "hello"', description: "Send to the main agent" },
    { command: "git diff | causeway send --session review -", description: "Read the message from standard input" },
    { command: 'causeway send --session work --json "hello"', description: "Print each event as one line of JSON" },
  ]),
  Target.connected,
)
