/**
 * `causeway send`: one message to an agent, the reply written as it comes. Ctrl-C ends the run, not only the command.
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
    session: Flags.text("session", "The session to send to. Left out: the main session of the agent."),
    agent: Flags.text("agent", "The agent to answer. Left out: the session's, or main."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, session, text }) {
    const words = text.join(" ")
    const message = words === "-" ? (yield* standardInput).trimEnd() : words
    yield* printReply({ text: message, ...Flags.given({ sessionKey: session, agentId: agent }) }, json)
  }),
).pipe(
  Command.withDescription(
    "Send a message to an agent and write its reply as it comes. Ctrl-C ends the run. If the gateway restarts in the middle, the reply goes on where it was.",
  ),
  Command.withShortDescription("Send a message, read the reply as it comes."),
  Command.withExamples([
    { command: 'causeway send "hello"', description: "Talk to the main agent" },
    { command: "git diff | causeway send --session review -", description: "The message from standard input" },
    { command: 'causeway send --session work --json "hello"', description: "Each event as one line of JSON" },
  ]),
  Target.connected,
)
