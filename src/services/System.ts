/**
 * System: whether the gateway is well and what it holds. Readiness touches the database's tables, because storage that
 * fails would otherwise only be retried in silence.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Health, Model, Status } from "../domain/System.ts"

export class System extends Context.Service<
  System,
  {
    readonly health: Effect.Effect<Health>
    readonly status: Effect.Effect<Status>
    readonly models: Effect.Effect<ReadonlyArray<Model>>
    /** From now on health says `stopping`. */
    readonly stopping: () => void
  }
>()("causeway/services/System") {}
