/**
 * ToolApproval: decides calls of tools whose permission is `ask`. Tools asks it before it runs such a call, and so do
 * runtimes that bring tools of their own. Approvals implements it and asks an operator. The default refuses.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ApprovalDecision } from "../../domain/Approval.ts"
import { ToolFailed, type ToolRun } from "./AgentTool.ts"

/** The call to decide. */
export interface ApprovalRequest extends ToolRun {
  readonly callId: string
  readonly tool: string
  /** The input as JSON. The call must run with this input. */
  readonly input: string
  /** The decisions that are possible. Left out: all. */
  readonly decisions?: ReadonlyArray<ApprovalDecision>
}

/** For a call of which the operator does not see the whole input: the decision cannot stand for later calls. */
export const ONCE_ONLY: Pick<ApprovalRequest, "decisions"> = { decisions: ["allow-once", "deny"] }

export const ToolApproval = Context.Reference<{
  /**
   * Returns if the call may run, and fails with the reason if it may not. It may wait for an operator. Close the scope
   * when the call has ended.
   */
  approve(request: ApprovalRequest): Effect.Effect<void, ToolFailed, Scope.Scope>
}>("causeway/services/tools/ToolApproval", {
  defaultValue: () => ({ approve: ({ agent, tool }) => Effect.fail(needsApproval(agent.id, tool)) }),
})

const needsApproval = (agentId: string, tool: string) =>
  new ToolFailed({
    message: `The tool "${tool}" needs an approval, and this gateway cannot ask for one. An operator can set the permission of agent "${agentId}" for it to allow. Go on without it.`,
  })
