/**
 * Conversations with a staged runtime that a test stops, crashes and starts again on the same database.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { Sessions } from "../../src/services/sessions/Sessions.ts"
import { layer } from "./Conversations.ts"
import { staged } from "./StagedRuntime.ts"
import { queryAt } from "./TestDatabase.ts"

interface StartOptions {
  /** Left out: a new database. */
  readonly place?: string | undefined
  readonly runs?: GatewayOptions["runs"]
}

/** Starts the services. `stop` ends them before the end of the scope does. */
export const start = Effect.fnUntraced(function* ({ place, runs: limits }: StartOptions = {}) {
  const stage = staged()
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const options = {
    config: { runtime: "staged", ...(limits !== undefined && { runs: limits }) },
    runtimes: [stage.runtime],
    ...(place !== undefined && { place }),
  }
  const services = yield* Layer.buildWithScope(layer(options), scope)
  const runs = yield* Effect.provide(Runs, services)
  const sessions = yield* Effect.provide(Sessions, services)
  return { ...stage, runs, sessions, services, stop: Scope.close(scope, Exit.void) }
})

/** Turns the last stop into a crash. */
export const crash = (place: string) => queryAt(place, "UPDATE turns SET handed_over = 0")
