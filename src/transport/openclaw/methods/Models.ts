/**
 * Models: the methods that list models and the state of their providers. The gateway has the keys of the providers, so
 * every model is available.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Model, ModelInput } from "../../../domain/Model.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { ignored, name } from "../wire/Params.ts"
import { nameOf, thinkingChoices } from "./AgentCatalog.ts"
import { now } from "./SessionQueries.ts"

const { thinkingDefault, thinkingLevels } = thinkingChoices()

const inputName = (input: ModelInput): string => (input === "pdf" ? "document" : input)

const modelChoice = (found: Model) => {
  const { model, provider } = nameOf(found)
  return {
    id: model,
    name: found.name,
    provider,
    available: true,
    reasoning: false,
    thinkingLevels,
    thinkingDefault,
    ...(found.input !== undefined && { input: ["text", ...found.input.map(inputName)] }),
    ...(found.contextWindow !== null && { contextWindow: found.contextWindow }),
  }
}

export const modelChoices = () => Effect.map(call("models.list", {}), ({ models }) => models.map(modelChoice))

const providerOf = (provider: string) => ({
  provider,
  displayName: provider,
  /** Like a key that never expires. */
  status: "static",
  profiles: [],
})

const list = dialectMethod(Schema.Struct({ agentId: name }), () => Effect.map(modelChoices(), (models) => ({ models })))

const authStatus = dialectMethod(Schema.Struct({ agentId: name, refresh: ignored }), () =>
  Effect.gen(function* () {
    const ts = yield* now()
    const models = yield* modelChoices()
    return { ts, providers: [...new Set(models.map(({ provider }) => provider))].map(providerOf) }
  }),
)

export const modelMethods: ReadonlyArray<Row> = [
  ["models.list", "operator.read", list],
  ["models.authStatus", "operator.read", authStatus],
]
