/**
 * Target: the agent and the session of an OpenAI request, by the model, the field `user` and OpenClaw's headers.
 * ChatCompletions.ts and Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { randomUUID } from "node:crypto"
import { agentOfSessionKey } from "../../domain/Routing.ts"
import { invalid } from "./Errors.ts"
import * as Models from "./Models.ts"

const SESSION_KEY = "x-openclaw-session-key"
const AGENT_ID = "x-openclaw-agent-id"

export interface Target {
  readonly agentId: string
  readonly sessionKey: string
  /** Whether the client can name the session again. */
  readonly isKept: boolean
}

/** Returns the key of a session for a chain of responses. ResponseRetention.ts removes the old ones. */
export const chainKey = (agentId: string): string => `agent:${agentId}:openai:${randomUUID()}`

export const isChainKey = (key: string): boolean => /^agent:[^:]+:openai:[0-9a-f-]+$/.test(key)

/** Returns the key of a session that ends with its request, or with the results of the calls in its answer. */
const onceKey = (agentId: string): string => `agent:${agentId}:openai-once:${randomUUID()}`

export const isOnceKey = (key: string): boolean => /^agent:[^:]+:openai-once:[0-9a-f-]+$/.test(key)

/** Sessions that belong to other parts of the gateway. */
const RESERVED = /^(agent:[^:]*:)?(subagent|cron|acp):/

const namedSession = Effect.fnUntraced(function* (key: string, agentId: string) {
  if (RESERVED.test(key)) {
    return yield* Effect.fail(invalid(SESSION_KEY, `the session "${key}" is not for clients: use another key`))
  }
  const owner = agentOfSessionKey(key)
  if (owner !== undefined && owner !== agentId) {
    const message = `the session "${key}" belongs to the agent "${owner}": use it as the model`
    return yield* Effect.fail(invalid(SESSION_KEY, message))
  }
  return { agentId, sessionKey: key, isKept: true }
})

/** Returns the target. Without `user` and the header of a session, the session is new. */
export const targetOf = Effect.fnUntraced(function* (
  { headers }: HttpServerRequest,
  { model, user }: { readonly model: string; readonly user?: string | null },
) {
  const { id: agentId } = yield* Models.find(headers[AGENT_ID] || model)
  const key = headers[SESSION_KEY]
  if (key) return yield* namedSession(key, agentId)
  if (user) return { agentId, sessionKey: `agent:${agentId}:openai-user:${user}`, isKept: true }
  return { agentId, sessionKey: onceKey(agentId), isKept: false }
})
