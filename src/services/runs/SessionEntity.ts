/**
 * The protocol of a session's actor, as a cluster entity. SessionActor implements it; TurnDispatcher and Runs call it.
 */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { RunError } from "../../domain/RunError.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"

/** Tells the actor to run the open turns of its session. Returns when it has run them and no further one has come for some time. */
const serve = Rpc.make("serve")
  // A stopping gateway does not wait for a turn. Its row stays, and the next start dispatches it again.
  .annotate(ClusterSchema.InterruptOnTermination, true)

/** Aborts the turn, those before a turn, or all open turns, and returns their run ids. Also stops a turn that has ended. */
const abort = Rpc.make("abort", {
  payload: {
    runId: Schema.optionalKey(Schema.String),
    /** Aborts the open turns that come before this one. */
    before: Schema.optionalKey(Schema.String),
    /** The reason, if no client requested the abort. */
    error: Schema.optionalKey(RunError),
  },
  success: Schema.Array(Schema.String),
  error: StorageUnavailable,
})

export const SessionEntity = Entity.make("Session", [serve, abort])
