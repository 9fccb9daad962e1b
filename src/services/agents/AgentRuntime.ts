/**
 * AgentRuntime: how agents think. A runtime turns a conversation into a stream of what it says and does; it writes
 * nothing and knows no client. Embedding programs bring their own by providing another layer of this service.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { Agent } from "../../domain/Agent.ts"
import type { Message } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import type { Model } from "../../domain/System.ts"

/**
 * What a runtime is asked. A run may be begun more than once: tools that act on the world need `runId` and their call's
 * number as idempotency key.
 */
export interface Turn {
  readonly agent: Agent
  readonly sessionKey: string
  readonly runId: string
  readonly attempt: number
  /** Who sent the message. */
  readonly principal: Principal
  /** The model to use: the session's, else the agent's, else empty. */
  readonly model: string
  /** The transcript before this message, oldest first: the newest 200 messages at most, fewer where they are very long. */
  readonly history: ReadonlyArray<Message>
  readonly text: string
}

export interface Runtime {
  readonly name: string
  readonly models: ReadonlyArray<Model>
  /**
   * Ends when the agent has said all. Interrupted when the run is aborted or takes too long: the session goes on, and
   * the place of the run is free, when the stream's finalizers are through, or after 5 seconds without them.
   */
  run(turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed>
}

/** The runtimes there are, by name. */
export class AgentRuntime extends Context.Service<AgentRuntime, ReadonlyMap<string, Runtime>>()(
  "causeway/services/agents/AgentRuntime",
) {
  static readonly layer = (...runtimes: ReadonlyArray<Runtime>): Layer.Layer<AgentRuntime> =>
    Layer.succeed(AgentRuntime, new Map(runtimes.map((runtime) => [runtime.name, runtime])))
}
