/**
 * ToolApproval: decides calls of tools whose permission is `ask`. Tools asks it before it runs such a call, and so do
 * runtimes that bring tools of their own. Provide another implementation to `Tools.layer` to ask an operator.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ToolFailed, type ToolRun } from "./AgentTool.ts"

/** The call to decide. */
export interface ApprovalRequest extends ToolRun {
  readonly callId: string
  readonly tool: string
  /** The input as JSON, as the model wrote it. */
  readonly input: string
}

export const ToolApproval = Context.Reference<{
  /** Returns if the call may run, and fails with the reason if it may not. It may wait for an operator. */
  approve(request: ApprovalRequest): Effect.Effect<void, ToolFailed>
}>("causeway/services/tools/ToolApproval", {
  defaultValue: () => ({ approve: ({ agent, tool }) => Effect.fail(needsApproval(agent.id, tool)) }),
})

const needsApproval = (agentId: string, tool: string) =>
  new ToolFailed({
    message: `The tool "${tool}" needs an approval, and this gateway cannot ask for one. An operator can set the permission of agent "${agentId}" for it to allow. Go on without it.`,
  })
