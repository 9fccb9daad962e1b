/**
 * SessionEntity: the protocol of a session's actor, by which it is found wherever it runs. What the actor does with it is
 * SessionActor.ts.
 */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { RunError } from "../../domain/RunError.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"

/**
 * A doorbell: there are turns in the `turns` table, and the actor should see to them. Answered when they have ended. It
 * carries nothing that the rows do not say.
 */
const serve = Rpc.make("serve")
  // A stopping gateway does not wait for a turn: its row stays, and the next start rings again.
  .annotate(ClusterSchema.InterruptOnTermination, true)

/** Ends the named turn, or all that run and wait; answers which were ended. A turn that has ended already is stopped. */
const abort = Rpc.make("abort", {
  payload: {
    runId: Schema.optionalKey(Schema.String),
    /** Why, where nobody has asked for it. */
    error: Schema.optionalKey(RunError),
  },
  success: Schema.Array(Schema.String),
  error: StorageUnavailable,
})

export const SessionEntity = Entity.make("Session", [serve, abort])
