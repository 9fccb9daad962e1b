/**
 * Models: which there are and whether they can be used. A provider here is a runtime of the gateway; it needs no key of
 * the client's, so that all are ready. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Model } from "../../../domain/System.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { anything, name } from "../wire/Params.ts"
import { thinking } from "./AgentCatalog.ts"
import { now } from "./SessionQueries.ts"

export const modelChoice = ({ contextWindow, id, name, runtime }: Model) => ({
  id,
  name,
  provider: runtime,
  available: true,
  reasoning: false,
  thinkingLevels: thinking.thinkingLevels,
  thinkingDefault: thinking.thinkingDefault,
  ...(contextWindow !== null && { contextWindow }),
})

export const modelChoices = () => Effect.map(call("models.list", {}), ({ models }) => models.map(modelChoice))

const providerOf = (runtime: string) => ({
  provider: runtime,
  displayName: runtime,
  /** As good as a key that never expires. */
  status: "static",
  profiles: [],
})

const authStatus = dialectMethod(Schema.Struct({ agentId: name, refresh: anything }), () =>
  Effect.map(Effect.all({ ts: now(), models: modelChoices() }), ({ models, ts }) => ({
    ts,
    providers: [...new Set(models.map(({ provider }) => provider))].map(providerOf),
  })),
)

export const modelMethods: ReadonlyArray<Row> = [
  [
    "models.list",
    "operator.read",
    dialectMethod(Schema.Struct({ agentId: name }), () => Effect.map(modelChoices(), (models) => ({ models }))),
  ],
  ["models.authStatus", "operator.read", authStatus],
]
