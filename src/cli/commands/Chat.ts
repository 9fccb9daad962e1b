/**
 * `causeway chat`: opens a conversation, line by line. Ctrl-C stops the current reply. Without one it leaves, as Ctrl-D
 * and /exit do. The gateway keeps the conversation, so the same command continues it.
 */
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { Message } from "../../domain/Message.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { failureOf } from "../terminal/Failure.ts"
import * as Flags from "../client/Flags.ts"
import * as Lines from "../terminal/Lines.ts"
import { faint, joined, note, type Page, print } from "../terminal/Output.ts"
import { printReply } from "../client/PrintReply.ts"
import * as Target from "../client/Target.ts"
import { WriteFailed, Writer } from "../terminal/Writer.ts"

const PROMPT = "> "

const isWriteFailed = Schema.is(WriteFailed)

/** Earlier messages shown at the start. */
const SHOWN_MESSAGES = 6

/** Earlier messages read for the arrow keys. */
const HISTORY_MESSAGES = 200

export const chat = Command.make(
  "chat",
  {
    session: Flags.text("session", "The session. Default: the main session of the agent."),
    agent: Flags.text("agent", "The agent. Default: the agent of the session, or main."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, session }) {
    const { calls } = yield* GatewayClient
    const { stdinIsTerminal } = yield* Stdio.Stdio
    const isTerminal = (yield* stdinIsTerminal) && (yield* Writer).isTerminal("stdout")
    const place = yield* calls["sessions.resolve"](Flags.given({ key: session, agentId: agent }))
    const { agentId, exists, sessionKey } = place
    const messages = exists
      ? (yield* calls["sessions.history"]({ key: sessionKey, limit: HISTORY_MESSAGES })).messages
      : []
    const lines = yield* Lines.open({ isTerminal, prompt: PROMPT, history: linesOf(messages) })
    if (isTerminal) yield* print(greeting(agentId, sessionKey, messages))

    const reply = Effect.fnUntraced(function* (text: string) {
      if (!isTerminal && !json) yield* print(`${PROMPT}${text}`)
      const finished = Effect.as(printReply({ text, sessionKey, agentId }, json), true)
      const stopped = Effect.as(lines.interrupted, false)
      const isFinished = yield* Effect.raceFirst(finished, stopped)
      if (!isFinished) yield* note(faint("[stopped]"))
    })

    let unanswered = 0
    while (true) {
      yield* lines.prompt
      const typed = yield* lines.next
      if (typed._tag === "Failed") return yield* typed.failure
      if (typed._tag !== "Line" || typed.text.trim() === "/exit") break
      if (typed.text.trim() === "") continue
      yield* Effect.catchCause(reply(typed.text), (cause) => {
        const { line } = failureOf(cause)
        // The command is interrupted, or it cannot print the next reply either.
        if (line === "" || isWriteFailed(Cause.squash(cause))) return Effect.failCause(cause)
        unanswered++
        return note(`causeway: ${line}`)
      })
    }
    if (isTerminal) return yield* print("")
    if (unanswered > 0) {
      return yield* new CommandFailed({
        problem: `messages without a reply: ${unanswered}`,
        remedy: "see the lines above",
        exitCode: ExitCode.failed,
      })
    }
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Chat with an agent, line by line. Ctrl-C stops the current reply. Without one it leaves, as Ctrl-D and /exit do. The gateway keeps the conversation: the same command continues it. Over a pipe, each line is a message.",
  ),
  Command.withShortDescription("Chat with an agent, line by line."),
  Command.withExamples([
    { command: "causeway chat", description: "Continue the conversation with the main agent" },
    { command: "causeway chat --agent luna --session ideas", description: "Use another agent and session" },
    { command: "causeway chat < questions.txt", description: "Send each line after the reply to the last" },
  ]),
  Target.connected,
)

/** Returns the lines of the user, newest first, as readline expects them. */
const linesOf = (messages: ReadonlyArray<Message>): ReadonlyArray<string> =>
  messages.flatMap(({ role, text }) => (role === "user" && !text.includes("\n") ? [text] : [])).toReversed()

const greeting = (agentId: string, sessionKey: string, messages: ReadonlyArray<Message>): Page => {
  const earlier = messages
    .filter(({ role }) => role === "user" || role === "assistant")
    .slice(-SHOWN_MESSAGES)
    .map(({ role, text }) => faint(role === "user" ? `${PROMPT}${text}` : text))
  const where = faint(`${agentId}, session ${sessionKey}. Ctrl-C stops a reply, Ctrl-D leaves.`)
  return joined([where, ...earlier], "\n")
}
