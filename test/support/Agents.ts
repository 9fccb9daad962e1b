/** Agents for tests, with default fields: those of `main` in a new gateway. */
import type { Agent } from "../../src/domain/Agent.ts"

export const agent = (facts: Partial<Agent> = {}): Agent => ({
  id: "main",
  name: "Main",
  personality: "",
  model: "",
  runtime: "",
  dmScope: "per-peer",
  createdAt: 0,
  updatedAt: 0,
  ...facts,
})
