/**
 * Sessions, their turns and their messages.
 */
import * as Effect from "effect/Effect"

export default Effect.void
