/** A run that calls tools, for tests of tools. */
import type { Agent } from "../../src/domain/Agent.ts"
import { localPrincipal } from "../../src/domain/Principal.ts"
import type { ToolRun } from "../../src/services/tools/AgentTool.ts"

const main: Agent = {
  id: "main",
  name: "Main",
  personality: "",
  model: "",
  runtime: "",
  dmScope: "per-peer",
  createdAt: 0,
  updatedAt: 0,
}

/** Returns a run of the agent `main` for the embedding program, with the given differences. */
export const toolRun = ({
  agent,
  ...run
}: Partial<Omit<ToolRun, "agent">> & { readonly agent?: Partial<Agent> } = {}): ToolRun => ({
  agent: { ...main, ...agent },
  sessionKey: "main",
  runId: "run-1",
  attempt: 1,
  principal: localPrincipal,
  ...run,
})
