/**
 * `causeway chat`: a conversation, line by line. Ctrl-C ends the present reply. Without one it leaves, as Ctrl-D and
 * /exit do. The gateway keeps the conversation, so the same command goes on with it.
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

/** Messages of the conversation so far that are shown at the beginning. */
const SHOWN = 6

/** Messages from which the lines for the arrow keys are taken. */
const REMEMBERED = 200

export const chat = Command.make(
  "chat",
  {
    session: Flags.text("session", "The session to talk in. Left out: the main session of the agent."),
    agent: Flags.text("agent", "The agent to talk to. Left out: the session's, or main."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, session }) {
    const { calls } = yield* GatewayClient
    const { stdinIsTerminal } = yield* Stdio.Stdio
    const isTerminal = (yield* stdinIsTerminal) && (yield* Writer).isTerminal("stdout")
    const place = yield* calls["sessions.resolve"](Flags.given({ key: session, agentId: agent }))
    const { agentId, exists, sessionKey } = place
    const said = exists ? (yield* calls["sessions.history"]({ key: sessionKey, limit: REMEMBERED })).messages : []
    const lines = yield* Lines.open({ isTerminal, prompt: PROMPT, history: linesOf(said) })
    if (isTerminal) yield* print(greeting(agentId, sessionKey, said))

    const answer = Effect.fnUntraced(function* (text: string) {
      if (!isTerminal && !json) yield* print(`${PROMPT}${text}`)
      const spoken = Effect.as(printReply({ text, sessionKey, agentId }, json), true)
      const stopped = Effect.as(lines.interrupted, false)
      const isDone = yield* Effect.raceFirst(spoken, stopped)
      if (!isDone) yield* note(faint("[stopped]"))
    })

    let unanswered = 0
    while (true) {
      yield* lines.prompt
      const typed = yield* lines.next
      if (typed._tag === "Failed") return yield* typed.failure
      if (typed._tag !== "Line" || typed.text.trim() === "/exit") break
      if (typed.text.trim() === "") continue
      yield* Effect.catchCause(answer(typed.text), (cause) => {
        const { line } = failureOf(cause)
        // The next reply could not be written either, or the command was ended.
        if (line === "" || isWriteFailed(Cause.squash(cause))) return Effect.failCause(cause)
        unanswered++
        return note(`causeway: ${line}`)
      })
    }
    if (isTerminal) return yield* print("")
    if (unanswered > 0) {
      return yield* new CommandFailed({
        problem: `messages without a reply: ${unanswered}`,
        remedy: "the lines above say why",
        exitCode: ExitCode.failed,
      })
    }
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Talk with an agent, line by line. Ctrl-C ends the reply that is being given; otherwise it leaves, as Ctrl-D and /exit do. Nothing is lost by leaving: the same command goes on with the conversation. From a pipe each line is a message.",
  ),
  Command.withShortDescription("Talk with an agent, line by line."),
  Command.withExamples([
    { command: "causeway chat", description: "With the main agent, where you left" },
    { command: "causeway chat --agent luna --session ideas", description: "Another agent, a conversation of its own" },
    { command: "causeway chat < questions.txt", description: "Each line is answered before the next is asked" },
  ]),
  Target.connected,
)

/** The newest first, as readline keeps them. */
const linesOf = (messages: ReadonlyArray<Message>): ReadonlyArray<string> =>
  messages.flatMap(({ role, text }) => (role === "user" && !text.includes("\n") ? [text] : [])).toReversed()

const greeting = (agentId: string, sessionKey: string, said: ReadonlyArray<Message>): Page => {
  const before = said
    .filter(({ role }) => role === "user" || role === "assistant")
    .slice(-SHOWN)
    .map(({ role, text }) => faint(role === "user" ? `${PROMPT}${text}` : text))
  const where = faint(`${agentId}, session ${sessionKey}. Ctrl-C stops a reply, Ctrl-D leaves.`)
  return joined([where, ...before], "\n")
}
