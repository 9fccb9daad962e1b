/**
 * `causeway questions`: lists, answers and declines the questions of agents, and follows them.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Prompt from "effect/cli/Prompt"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { questionLines, typed } from "../../domain/Answers.ts"
import { line } from "../../domain/Printable.ts"
import type { Answers, Question, QuestionPart } from "../../domain/Question.ts"
import * as Flags from "../client/Flags.ts"
import * as Target from "../client/Target.ts"
import { watchRequests } from "../client/WatchRequests.ts"
import { usageError } from "../terminal/ExitCode.ts"
import * as Output from "../terminal/Output.ts"
import { standardInput } from "../terminal/StandardInput.ts"

const id = Argument.String("id").pipe(
  Argument.withDescription("The id of the question, or its beginning (see `causeway questions list`)."),
)

const page = ({ agentId, createdAt, expiresAt, id, parts, sessionKey }: Question): Output.Page =>
  Output.joined(
    [
      `${line(id)}${agentId === "" ? "" : `  ${line(agentId)}`}${sessionKey === "" ? "" : `  ${line(sessionKey)}`}`,
      ...questionLines(parts).map((text) => `${text.startsWith(" ") ? "    " : "  "}${line(text)}`),
      Output.faint(`  since ${Output.moment(createdAt)}, until ${Output.moment(expiresAt)}`),
    ],
    "\n",
  )

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["questions.list"]({})
    yield* Output.show(json, answer, () =>
      answer.questions.length === 0
        ? "No question waits for an answer."
        : Output.joined(answer.questions.map(page), "\n\n"),
    )
  }),
).pipe(Command.withDescription("List the questions that wait for an answer."), Target.connected)

/** Other users of the machine see the command line. */
const secretShown = (key: string) =>
  usageError(
    `the answer "${key}" is secret`,
    "leave it out to be asked for it, or pass - and send it on standard input",
  )

const askPart = (part: QuestionPart) => {
  const message = line(questionLines([part]).join(" "))
  return part.isSecret
    ? Effect.map(Prompt.run(Prompt.Password({ message })), Redacted.value)
    : Prompt.run(Prompt.String({ message }))
}

/** Returns the answers of the command line or of standard input, and asks for those that are missing. */
const collect = Effect.fnUntraced(function* (parts: ReadonlyArray<QuestionPart>, words: ReadonlyArray<string>) {
  const isPiped = words.length === 1 && words[0] === "-"
  const text = isPiped ? (yield* standardInput).replace(/\r?\n$/, "") : words.join(" ")
  const given = text === "" ? {} : typed(parts, text)
  const secret = isPiped ? undefined : parts.find(({ isSecret, key }) => isSecret && Object.hasOwn(given, key))
  if (secret !== undefined) return yield* secretShown(secret.key)
  const missing = parts.filter(({ key }) => !Object.hasOwn(given, key))
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (missing.length > 0 && !canPrompt) {
    const keys = missing.map(({ key }) => `"${key}"`).join(", ")
    return yield* usageError(
      `no answer to ${keys}`,
      "give the answers as arguments, or pass - and send them on standard input",
    )
  }
  const asked = yield* Effect.forEach(missing, (part) => Effect.map(askPart(part), (text) => typed([part], text)))
  const answers: Answers = Object.assign({}, given, ...asked)
  return answers
})

const answer = Command.make(
  "answer",
  {
    id,
    words: Argument.String("answer").pipe(
      Argument.withDescription(
        "The answer, or key=answer for each part of the question. An option can be given by its number. `-` reads standard input.",
      ),
      Argument.variadic(),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ id, json, words }) {
    const { calls } = yield* GatewayClient
    const { id: whole, parts } = yield* calls["questions.get"]({ id })
    const answers = yield* collect(parts, words)
    const question = yield* calls["questions.answer"]({ id: whole, answers })
    yield* Output.show(json, question, () => line(`Answered ${whole}.`))
  }),
).pipe(
  Command.withDescription("Answer a question. Without an answer on the command line, it asks for it."),
  Command.withExamples([
    { command: "causeway questions answer 3f2a blue", description: "Answer a question of one part" },
    { command: "causeway questions answer 3f2a color=blue size=2", description: "Answer each part" },
    { command: "causeway questions answer 3f2a - < key.txt", description: "Answer with a secret of a file" },
  ]),
  Target.connected,
)

const cancel = Command.make(
  "cancel",
  { id, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ id, json }) {
    const { calls } = yield* GatewayClient
    const question = yield* calls["questions.cancel"]({ id })
    yield* Output.show(json, question, () => line(`Declined to answer ${question.id}.`))
  }),
).pipe(
  Command.withDescription("Decline to answer a question. The agent goes on without an answer."),
  Command.withExamples([{ command: "causeway questions cancel 3f2a", description: "Decline to answer" }]),
  Target.connected,
)

const watch = Command.make(
  "watch",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    yield* watchRequests({
      topic: "questions",
      waiting: Effect.map(calls["questions.list"]({}), ({ questions }) => questions),
      opened: (event) => (event._tag === "QuestionRequested" ? event.question : undefined),
      event: (question) => ({ _tag: "QuestionRequested", question }),
      page,
      json,
    })
  }),
).pipe(
  Command.withDescription("Print the waiting questions, then new ones and their ends, until Ctrl-C."),
  Command.withExamples([{ command: "causeway questions watch", description: "See each question, as it happens" }]),
  Target.connected,
)

export const questions = Command.make("questions").pipe(
  Command.withDescription("Answer the questions of agents."),
  Command.withSubcommands([list, answer, cancel, watch]),
)
