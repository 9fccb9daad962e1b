/**
 * Loaded: makes Effects that load something at their first use and keep it. ModelProviders, ModelRuntime, HttpFetch and Mcp
 * use it for code and clients that few gateways need.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * Returns the Effect that loads once and returns the same value to all uses. A failed or interrupted load is not kept: the
 * next use tries again.
 */
export const once = <A, E, R>(load: Effect.Effect<A, E, R>): Effect.Effect<Effect.Effect<A, E, R>> =>
  Effect.cachedWithTTL(load, (exit) => (Exit.isSuccess(exit) ? Duration.infinity : Duration.zero))
