/**
 * Runs: one turn of an agent, from its acceptance to its end.
 */
import * as Schema from "effect/Schema"
import { EpochMillis, NAME_CHARS, text } from "./Bounds.ts"
import { Usage } from "./Message.ts"
import { RunError } from "./RunError.ts"

/** How a run ended. */
export const RunOutcome = Schema.Literals(["done", "aborted", "failed"])
export type RunOutcome = typeof RunOutcome.Type

export const RunState = Schema.Literals(["queued", "running", "done", "aborted", "failed"])
export type RunState = typeof RunState.Type

/** One turn of an agent: a message, and what it answers. */
export const Run = Schema.Struct({
  /** The idempotency key of the send, or one that the gateway made. */
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  state: RunState,
  /** How often the run was begun: more than once where a stop or a crash cut it off. */
  attempt: Schema.Int,
  error: Schema.optionalKey(RunError),
  /** The agent's reply once the run is done, or the gateway's to a command. */
  reply: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Usage),
  acceptedAt: EpochMillis,
  endedAt: Schema.optionalKey(EpochMillis),
}).annotate({ identifier: "Run" })
export type Run = typeof Run.Type

/** A run that has been accepted and has not ended, with what it has said so far. */
export const OpenRun = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  state: Schema.Literals(["queued", "running"]),
  text: Schema.String,
}).annotate({ identifier: "OpenRun" })
export type OpenRun = typeof OpenRun.Type

/** What an agent's runtime says while it thinks. The end of its stream is the end of the run. */
export const RuntimeEvent = Schema.TaggedUnion({
  Thinking: { text: Schema.String },
  Text: { text: Schema.String },
  ToolStarted: { callId: Schema.String, name: text(NAME_CHARS), input: Schema.String },
  ToolUpdated: { callId: Schema.String, text: Schema.String },
  ToolEnded: { callId: Schema.String, output: Schema.String, isError: Schema.Boolean },
  Usage: { usage: Usage },
})
export type RuntimeEvent = typeof RuntimeEvent.Type

/** The runtime gave up: the run fails. The message that it was to answer stays, marked with the reason. */
export class RuntimeFailed extends Schema.TaggedError<RuntimeFailed>()("RuntimeFailed", {
  runtime: Schema.String,
  detail: Schema.String,
}) {}
