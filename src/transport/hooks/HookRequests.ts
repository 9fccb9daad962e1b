/**
 * HookRequests: the bodies of `/hooks/wake` and `/hooks/agent`, and the messages that they make. HookRuns.ts sends them.
 */
import * as Schema from "effect/Schema"
import { AgentId } from "../../domain/Agent.ts"
import { MESSAGE_CHARS, NAME_CHARS, nonEmptyText, RUN_MS, SessionKey, text } from "../../domain/Bounds.ts"
import { ThinkingLevel } from "../../domain/Run.ts"
import { maybe } from "../dialect/Params.ts"

const Mode = Schema.Literals(["now", "next-heartbeat"])

export const WakeBody = Schema.Struct({
  text: text(MESSAGE_CHARS),
  mode: maybe(Mode),
  agentId: maybe(AgentId),
  sessionKey: maybe(SessionKey),
})

export const AgentBody = Schema.Struct({
  message: text(MESSAGE_CHARS),
  name: maybe(nonEmptyText(NAME_CHARS)),
  agentId: maybe(AgentId),
  sessionKey: maybe(SessionKey),
  sessionMode: maybe(Schema.Literals(["isolated", "persistent"])),
  idempotencyKey: maybe(Schema.String),
  waitForCompletion: maybe(Schema.Boolean),
  wakeMode: maybe(Mode),
  deliver: maybe(Schema.Boolean),
  channel: maybe(Schema.String),
  to: maybe(Schema.String),
  accountId: maybe(Schema.String),
  model: maybe(nonEmptyText(NAME_CHARS)),
  thinking: maybe(ThinkingLevel),
  timeoutSeconds: maybe(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: RUN_MS / 1_000 }))),
})
export type AgentBody = typeof AgentBody.Type

/** A text for the main session of an agent, or for the named session. */
export interface Wake {
  readonly text: string
  readonly mode: typeof Mode.Type
  readonly agentId: string
  readonly sessionKey?: string | undefined
  /** The same id again does nothing. */
  readonly id: string
}

/** A message for an agent in a session. */
export interface AgentTurn {
  /** The sender, for people and for the agent. */
  readonly name: string
  readonly message: string
  readonly agentId: string
  readonly sessionKey: string
  /** The id of the run. The same id again is the same run. */
  readonly runId: string
  readonly deliver: boolean
  /** `now`: the note with the answer wakes the main session. */
  readonly wakeMode: typeof Mode.Type
  readonly model?: string | undefined
  readonly thinking?: ThinkingLevel | undefined
  readonly timeoutSeconds?: number | undefined
}
