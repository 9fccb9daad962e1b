/** x */
import * as Effect from "effect/Effect"
import { loadConfig, type Sources } from "./LoadConfig.ts"
export const start = Effect.fn("causeway start")(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  yield* Effect.log(settings.port)
})
