/**
 * SessionEntity: the protocol of a session's actor, by which it is found wherever it runs. What the actor does with it is
 * SessionActor.ts.
 */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { StorageUnavailable } from "../domain/Storage.ts"

/**
 * A doorbell: the named turn is in the `turns` table, and the actor should see to it. Answered when that turn has ended,
 * so a crash rings it again. Saved in the same transaction as the turn; it carries nothing that the row does not say.
 */
const turn = Rpc.make("turn", { payload: { runId: Schema.String } })
  .annotate(ClusterSchema.Persisted, true)
  // The turn belongs to the session: a caller who goes away does not stop it.
  .annotate(ClusterSchema.Uninterruptible, "client")
  // A stopping gateway does not wait for a turn: the message stays, and the next start rings again.
  .annotate(ClusterSchema.InterruptOnTermination, true)

/** Ends the named turn, or all that run and wait; answers which were ended. */
const abort = Rpc.make("abort", {
  payload: { runId: Schema.optionalKey(Schema.String) },
  success: Schema.Array(Schema.String),
  error: StorageUnavailable,
})

export const SessionEntity = Entity.make("Session", [turn, abort])
