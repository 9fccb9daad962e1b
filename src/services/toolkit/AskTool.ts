/**
 * The tool `ask`: asks people and waits for their answers. The run has no permit meanwhile. Toolkit.ts adds it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { separate } from "../../domain/Answers.ts"
import { list, nonEmptyText, text } from "../../domain/Bounds.ts"
import { Answers, PartKey, QUESTION_PARTS, QuestionOption, type QuestionPart } from "../../domain/Question.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { ToolQuestion } from "../tools/ToolQuestion.ts"
import { Tools } from "../tools/Tools.ts"

/** More options than this make a poor question, and OpenClaw's clients show no more. */
const OPTIONS = 4

const Asked = Schema.Struct({
  id: PartKey.annotate({ description: "The name of the answer, e.g. color." }),
  question: nonEmptyText(4_096).annotate({ description: "The whole question." }),
  header: Schema.optionalKey(text(12)).annotateKey({ description: "One or two words for a heading." }),
  options: Schema.optionalKey(list(QuestionOption, OPTIONS)).annotateKey({
    description: "The answers to choose from. Left out: the answer is free text.",
  }),
  multiple: Schema.optionalKey(Schema.Boolean).annotateKey({ description: "Whether several options may be chosen." }),
  other: Schema.optionalKey(Schema.Boolean).annotateKey({
    description: "Whether the person may write another answer than the options.",
  }),
  secret: Schema.optionalKey(Schema.Boolean).annotateKey({
    description: "For passwords and keys: nobody else sees the answer. Do not repeat it in your reply.",
  }),
})

const partOf = ({ header, id, multiple, options, other, question, secret }: typeof Asked.Type): QuestionPart => ({
  key: id,
  title: header ?? "",
  text: question,
  options: options ?? [],
  isMultiple: multiple ?? false,
  isFree: other ?? false,
  isSecret: secret ?? false,
})

const partsOf = ({ questions }: { readonly questions: ReadonlyArray<typeof Asked.Type> }) => questions.map(partOf)

const reasons = {
  declined: "An operator declined to answer. Do not ask the same again, and go on without the answer.",
  expired: "Nobody answered in time. Go on without the answer, or say what you need.",
  cancelled: "The question was cancelled.",
}

const SECRET = "[secret]"

const tool = Effect.map(ToolQuestion, ({ ask }) =>
  AgentTool.make({
    name: "ask",
    description:
      "Asks the person a question and waits for the answer, which may take minutes. Ask if you cannot go on without it, and put related questions into one call. The result has the answers by id.",
    source: "gateway",
    parameters: Schema.Struct({
      questions: Schema.Array(Asked).check(Schema.isMinLength(1), Schema.isMaxLength(QUESTION_PARTS)),
    }),
    success: Answers,
    // Operators have their own time.
    timeoutMs: Infinity,
    shown: (answers, asked) => {
      const { open, secret } = separate(partsOf(asked), answers)
      return { ...open, ...Object.fromEntries(Object.keys(secret).map((key) => [key, [SECRET]])) }
    },
    handle: Effect.fnUntraced(function* (asked) {
      const call = yield* AgentTool.CurrentToolCall
      const outcome = yield* ask({ ...call, parts: partsOf(asked) })
      if (outcome._tag === "Answered") return outcome.answers
      return yield* new AgentTool.ToolFailed({ message: reasons[outcome.reason] })
    }, Effect.scoped),
  }),
)

export const layer: Layer.Layer<never, never, Tools> = Layer.unwrap(Effect.map(tool, (ask) => Tools.add(ask)))
