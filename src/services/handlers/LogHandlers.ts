/**
 * LogHandlers: implements `logs.tail` on the service Logs.
 */
import * as Effect from "effect/Effect"
import { LogRpcs } from "../../domain/Log.ts"
import { Logs } from "../logs/Logs.ts"

export const LogHandlers = LogRpcs.toLayer(
  Effect.gen(function* () {
    const logs = yield* Logs
    return LogRpcs.of({
      "logs.tail": ({ after, limit = 100, level }) => Effect.sync(() => logs.tail({ after, limit, level })),
    })
  }),
)
