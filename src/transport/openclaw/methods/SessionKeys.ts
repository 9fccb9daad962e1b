/**
 * SessionKeys: session keys as clients write them. `main` or an empty key stands for the main session of an agent. Every
 * other key is used as it is, so every key of a list works. Methods, events and OpenClaw.ts use it.
 */
import { createHash } from "node:crypto"
import { MAIN_AGENT, normalizeAgentId } from "../../../domain/Agent.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"

/** The short key of an agent's main session. */
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
 * Returns the UUID of a transcript for clients. A session of the contract has no UUID, so it is a hash of the key and of
 * the start of the conversation. Every answer and event has the same UUID, and a reset changes it.
 */
export const sessionIdOf = ({ createdAt, emptiedAt = createdAt, key }: Generation): string => {
  const hex = createHash("sha256").update(`${key}\n${emptiedAt}`).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
