/**
 * The interface of an agent's runtime: the program that turns a message and its history into a stream of text, thinking
 * and tool calls. A runtime writes nothing to the gateway's storage; TurnRunner runs it and stores its output.
 * AgentRuntimes.ts is the registry.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Agent } from "../../domain/Agent.ts"
import type { Attachment } from "../../domain/Attachment.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { Message, Usage } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Model } from "../../domain/Model.ts"
import type { RuntimeEvent, RuntimeFailed, ThinkingLevel } from "../../domain/Run.ts"

/**
 * The input of a run. A run may start more than once, because a restart interrupts it. Tools that act on the world need
 * `runId` and the number of their call as idempotency key.
 */
export interface Turn {
  readonly agent: Agent
  readonly sessionKey: string
  readonly runId: string
  /** 1 for the first start of the run. */
  readonly attempt: number
  /** The sender of the message. */
  readonly principal: Principal
  /** The session's model, else the agent's, else empty: the runtime's default. */
  readonly model: string
  /** The session's thinking level, else the agent's. Undefined: the default of the model. */
  readonly thinking: ThinkingLevel | undefined
  /** The channel and the peer of the session, or null. */
  readonly channel: string | null
  readonly peerId: string | null
  /**
   * Reads the transcript before this message, oldest first: the newest 200 messages, or fewer if they are very long. If an
   * older part is summarized, the summary comes first, and the messages that it replaces are left out. Each use reads it
   * from storage, so a runtime that needs no history costs nothing.
   */
  readonly history: Effect.Effect<ReadonlyArray<Message>>
  /** Empty if the message consists of files. */
  readonly text: string
  /** The files of the message. Attachments reads them. */
  readonly attachments: ReadonlyArray<Attachment>
  /**
   * Takes the messages that arrived since the run began and want to steer it (see QueueMode), oldest first. Call it before
   * a further step, and give the messages to the model: their own runs have ended. A runtime without steps leaves it.
   */
  readonly steering: Effect.Effect<ReadonlyArray<Pick<Turn, "text" | "attachments">>>
}

/** A conversation to summarize. `history` has the messages that a run would receive now. */
export interface Conversation extends Pick<Turn, "agent" | "sessionKey" | "model"> {
  readonly history: ReadonlyArray<Message>
}

export interface ConversationSummary {
  readonly text: string
  /** The id of the newest message that the summary replaces. */
  readonly upTo: number
  /** The tokens that it cost. */
  readonly usage?: Usage | undefined
}

export interface AgentRuntime {
  /** The name by which agents and the option `runtime` choose it. Unique in a gateway. */
  readonly name: string
  /** The models that agents can choose, or an Effect that asks the provider for them. See `AgentRuntimes.models`. */
  readonly models: ReadonlyArray<Model> | Effect.Effect<ReadonlyArray<Model>, RuntimeFailed>
  /**
   * Returns the output of a run. The stream ends when the reply is complete. The gateway interrupts it if the run is
   * aborted or exceeds `runs.deadlineMs`, and waits at most 5 seconds for its finalizers before the session goes on.
   */
  run(turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed>
  /** Returns whether the runtime answers with this model for agents that choose no runtime. Left out: for none. */
  readonly offers?: (model: string) => boolean
  /** Whether it shows the tools of ClientTools to its model, and ends a run with their calls. Left out: it does not. */
  readonly takesClientTools?: boolean
  /** Takes over options of a reloaded configuration for later runs. Left out: the runtime needs none, or a restart. */
  reload?(settings: GatewaySettings): void
  /**
   * Returns a summary of the whole history, or `undefined` if there is nothing to summarize. Left out: the runtime keeps
   * conversations elsewhere or needs no summaries.
   */
  summarize?(conversation: Conversation): Effect.Effect<ConversationSummary | undefined, RuntimeFailed>
}
