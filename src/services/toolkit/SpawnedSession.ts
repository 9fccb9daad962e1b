/**
 * SpawnedSession: the key of a spawned session and the id of the run with its task. Each follows from the other, so that
 * the gateway recognizes the end of a task without a record of its own. SpawnTool and SpawnReports use it.
 */
const UUID = /^[0-9a-f-]{36}$/

/** Returns the key of a session for the agent. OpenClaw's clients show such sessions below their parent. `id` is a UUID. */
export const spawnedKey = (agentId: string, id: string): string => `agent:${agentId}:subagent:${id}`

/** Returns the id of the run with the task of a spawned session, or `undefined` if the key is not that of one. */
export const taskRunOf = (key: string): string | undefined => {
  const [agent, , kind, id = "", ...rest] = key.split(":")
  const isSpawned = agent === "agent" && kind === "subagent" && UUID.test(id) && rest.length === 0
  return isSpawned ? `task-${id}` : undefined
}

/** Returns the key under which the report about a task is sent once. */
export const reportKeyOf = (taskRun: string): string => `report-${taskRun}`
