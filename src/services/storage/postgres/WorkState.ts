/**
 * WorkState: whether the running work has written, and whether it has ended. The group writer gives each work its own, and
 * the stores of this folder mark it. A work that fails before its first write costs its neighbours nothing. A work that was
 * stopped writes nothing into a later transaction.
 */
import * as Context from "effect/Context"

export interface WorkStateShape {
  hasWritten: boolean
  hasEnded: boolean
}

export class WorkState extends Context.Service<WorkState, WorkStateShape>()(
  "causeway/services/storage/postgres/WorkState",
) {}
