/** Sessions for tests, with default fields. */
import type { Session } from "../../src/domain/Session.ts"

export const session = (key: string, facts: Partial<Session> = {}): Session => ({
  key,
  agentId: "main",
  kind: "session",
  displayName: key,
  label: null,
  channel: null,
  peerId: null,
  model: null,
  activity: "idle",
  messageCount: 0,
  historyCount: 0,
  lastMessage: null,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  contextTokens: 0,
  createdAt: 0,
  updatedAt: 0,
  ...facts,
})
