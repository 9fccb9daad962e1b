/**
 * Agents and the bindings that give them conversations.
 */
import * as Effect from "effect/Effect"

export default Effect.void
