/**
 * Runs: the schemas of a run, from its acceptance to its end, and of the events of a runtime.
 */
import * as Schema from "effect/Schema"
import { AttachmentUpload } from "./Attachment.ts"
import { EpochMillis, NAME_CHARS, text } from "./Bounds.ts"
import { Usage } from "./Message.ts"
import { ProblemKind, RunError } from "./RunError.ts"

/** How a run ended. */
export const RunOutcome = Schema.Literals(["done", "aborted", "failed"])
export type RunOutcome = typeof RunOutcome.Type

export const RunState = Schema.Literals(["queued", "running", "done", "aborted", "failed"])
export type RunState = typeof RunState.Type

/** How much a model thinks before it answers, if it can think. Each provider maps it to its own setting. */
export const ThinkingLevel = Schema.Literals(["off", "minimal", "low", "medium", "high", "xhigh"])
export type ThinkingLevel = typeof ThinkingLevel.Type

/**
 * The treatment of a message that arrives while its session runs another one. `followup`: it gets the next run. `collect`:
 * the messages that wait become one run. `steer`: the running agent receives it at its next step, or it gets the next run
 * if the runtime has no steps or takes no further one. `interrupt`: it aborts the open runs and gets the next one.
 */
export const QueueMode = Schema.Literals(["followup", "collect", "steer", "interrupt"])
export type QueueMode = typeof QueueMode.Type

/** One run: the execution of a turn, with its state and its reply. */
export const Run = Schema.Struct({
  /** The idempotency key of the send, or one that the gateway made. */
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  state: RunState,
  /** How often the run started: more than once if a stop or a crash interrupted it. */
  attempt: Schema.Int,
  error: Schema.optionalKey(RunError),
  /** The agent's reply once the run is done, or the gateway's answer to a command. */
  reply: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Usage),
  /** The run that took the message over (see QueueMode). This run is done without a reply; that run has the reply. */
  takenBy: Schema.optionalKey(Schema.String),
  acceptedAt: EpochMillis,
  endedAt: Schema.optionalKey(EpochMillis),
}).annotate({ identifier: "Run" })
export type Run = typeof Run.Type

/** A run that has not ended, with its text so far. */
export const OpenRun = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  state: Schema.Literals(["queued", "running"]),
  text: Schema.String,
}).annotate({ identifier: "OpenRun" })
export type OpenRun = typeof OpenRun.Type

/** An item of a runtime's stream. The end of the stream is the end of the run. */
export const RuntimeEvent = Schema.TaggedUnion({
  Thinking: { text: Schema.String },
  Text: { text: Schema.String },
  ToolStarted: { callId: Schema.String, name: text(NAME_CHARS), input: Schema.String },
  ToolUpdated: { callId: Schema.String, text: Schema.String },
  ToolEnded: {
    callId: Schema.String,
    output: Schema.String,
    isError: Schema.Boolean,
    /** The files of the result. They become attachments of the tool's message. */
    files: Schema.optionalKey(Schema.Array(AttachmentUpload)),
  },
  /** Files of the agent's reply. They become its attachments. */
  Files: { files: Schema.Array(AttachmentUpload) },
  Usage: { usage: Usage },
  /** A summary of the older messages. `upTo` is the id of the newest one that it replaces in the history of later runs. */
  Summarized: { text: Schema.String, upTo: Schema.Int },
})
export type RuntimeEvent = typeof RuntimeEvent.Type

/**
 * The runtime failed, and so does the run. The user's message stays, marked with the reason. With `budget`, the run has
 * reached a limit: its output stays, and the reply has the mark.
 */
export class RuntimeFailed extends Schema.TaggedError<RuntimeFailed>()("RuntimeFailed", {
  runtime: Schema.String,
  detail: Schema.String,
  kind: Schema.optionalKey(ProblemKind),
  budget: Schema.optionalKey(Schema.Boolean),
}) {}
