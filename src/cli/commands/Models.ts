/**
 * `causeway models`: lists the models that agents can use, and tests one.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { Model } from "../../domain/Model.ts"
import * as Flags from "../client/Flags.ts"
import * as Target from "../client/Target.ts"
import { answerLine } from "../terminal/ModelAnswer.ts"
import { oneLine, show, table } from "../terminal/Output.ts"

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["models.list"]({})
    yield* show(json, answer, () => table(["MODEL", "RUNTIME", "CONTEXT", "INPUT", "OUTPUT", "NAME"], rows(answer)))
  }),
).pipe(
  Command.withDescription(
    "List the models of all runtimes and providers. CONTEXT counts tokens. INPUT and OUTPUT are US dollars for a million tokens, if the provider names them.",
  ),
  Command.withShortDescription("List the models."),
  Target.connected,
)

const rows = ({ models }: { readonly models: ReadonlyArray<Model> }) =>
  models.map(({ contextWindow, cost, id, name, runtime }) => [
    id,
    runtime,
    contextWindow === null ? null : String(contextWindow),
    cost === undefined ? null : String(cost.input),
    cost === undefined ? null : String(cost.output),
    name === id || id.endsWith(`/${name}`) ? null : oneLine(name, 40),
  ])

const test = Command.make(
  "test",
  {
    model: Argument.String("model").pipe(
      Argument.withDescription("The model as provider/model, or a provider: its first model."),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ json, model }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["models.test"]({ model })
    yield* show(json, answer, () => answerLine(answer))
  }),
).pipe(
  Command.withDescription("Send a short prompt to a model and show its answer. It costs a few tokens."),
  Command.withShortDescription("Test a model."),
  Command.withExamples([
    { command: "causeway models test openai/gpt-5", description: "Test one model" },
    { command: "causeway models test ollama", description: "Test the first model of a provider" },
  ]),
  Target.connected,
)

export const models = Command.make("models").pipe(
  Command.withDescription("List and test the models that agents can use (docs/models.md)."),
  Command.withSubcommands([list, test]),
)
