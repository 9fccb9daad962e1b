/**
 * WorkState: whether the running work has written. The group writer gives each work its own, and the stores of this folder
 * mark it. A work that fails before its first write costs its neighbours nothing.
 */
import * as Context from "effect/Context"

export interface WorkStateShape {
  hasWritten: boolean
}

export class WorkState extends Context.Service<WorkState, WorkStateShape>()(
  "causeway/services/storage/postgres/WorkState",
) {}
