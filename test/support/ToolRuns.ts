/** A run that calls tools, for tests of tools. */
import type { Agent } from "../../src/domain/Agent.ts"
import { localPrincipal } from "../../src/domain/Principal.ts"
import type { ToolRun } from "../../src/services/tools/AgentTool.ts"
import { agent } from "./Agents.ts"

/** Returns a run of the agent `main` for the embedding program, with the given differences. */
export const toolRun = ({
  agent: facts,
  ...run
}: Partial<Omit<ToolRun, "agent">> & { readonly agent?: Partial<Agent> } = {}): ToolRun => ({
  agent: agent(facts),
  sessionKey: "main",
  runId: "run-1",
  attempt: 1,
  principal: localPrincipal,
  ...run,
})
