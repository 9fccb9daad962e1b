/**
 * Standard input as one text, for commands whose argument is `-`.
 */
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

export const standardInput = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  return yield* stdin.pipe(Stream.decodeText, Stream.mkString)
})
