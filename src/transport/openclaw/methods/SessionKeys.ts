/**
 * Session keys as clients write them: `main`, or nothing, for the main session of an agent. Every other key means what
 * it says, so that whatever a list has told can be asked for. Pure.
 */
import { createHash } from "node:crypto"
import { MAIN_AGENT, normalizeAgentId } from "../../../domain/Agent.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"

/** The name that stands for an agent's main session. */
export const MAIN_KEY = "main"

export const mainSessionKey = (agentId: string): string => `agent:${normalizeAgentId(agentId)}:${MAIN_KEY}`

export const canonicalKey = (key: string | null | undefined, agentId?: string | null): string => {
  const trimmed = key?.trim() ?? ""
  return trimmed === "" || trimmed.toLowerCase() === MAIN_KEY ? mainSessionKey(agentId ?? MAIN_AGENT) : trimmed
}

export const isMainKey = (key: string): boolean => key === mainSessionKey(agentOfSessionKey(key) ?? MAIN_AGENT)

interface Generation {
  readonly key: string
  readonly createdAt: number
  readonly emptiedAt?: number | undefined
}

/**
 * Returns the UUID by which clients know a transcript. A session of the contract has none, so it is made of the key and of
 * the time when the conversation began: every answer and every event tells the same, and an emptied session has another.
 */
export const sessionIdOf = ({ createdAt, emptiedAt = createdAt, key }: Generation): string => {
  const hex = createHash("sha256").update(`${key}\n${emptiedAt}`).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
