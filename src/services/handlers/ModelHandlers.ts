/**
 * ModelHandlers: implements `models.list` and `models.test`.
 */
import * as Effect from "effect/Effect"
import { ModelRpcs } from "../../domain/Model.ts"
import { ModelProviders } from "../models/ModelProviders.ts"
import { System } from "../system/System.ts"

export const ModelHandlers = ModelRpcs.toLayer(
  Effect.gen(function* () {
    const system = yield* System
    const providers = yield* ModelProviders
    return ModelRpcs.of({
      "models.list": () => Effect.map(system.models, (models) => ({ models })),
      "models.test": ({ model }) => providers.test(model),
    })
  }),
)
