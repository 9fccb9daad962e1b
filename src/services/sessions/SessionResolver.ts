/**
 * Finds the session and the agent that a client's address means: a key, a label, or the route of a message. Sessions uses
 * it.
 */
import * as Effect from "effect/Effect"
import { normalizeAgentId } from "../../domain/Agent.ts"
import type { Binding } from "../../domain/Binding.ts"
import * as Routing from "../../domain/Routing.ts"
import { type Session, SessionNotFound } from "../../domain/Session.ts"
import { Agents } from "../agents/Agents.ts"
import { Bindings } from "../agents/Bindings.ts"
import { SessionIndex } from "./SessionIndex.ts"

/** The address of a session: its key, its label, or the route of a message. The key wins over the label. */
export interface SessionAddress extends Routing.Route {
  readonly key?: string | undefined
  readonly label?: string | undefined
  readonly agentId?: string | undefined
}

export interface ResolvedSession {
  readonly sessionKey: string
  readonly agentId: string
  readonly exists: boolean
  /** The binding that chose the agent, or null if no binding was needed. */
  readonly binding: Binding | null
}

export const make = Effect.gen(function* () {
  const agents = yield* Agents
  const bindings = yield* Bindings
  const index = yield* SessionIndex

  const byKey = Effect.fnUntraced(function* (sessionKey: string, address: SessionAddress) {
    const session = index.get(sessionKey)
    const named = address.agentId ?? session?.agentId ?? Routing.agentOfSessionKey(sessionKey)
    if (named !== undefined) {
      const agent = yield* agents.get(normalizeAgentId(named))
      return { sessionKey, agentId: agent.id, exists: session !== undefined, binding: null }
    }
    const { agentId, binding = null } = Routing.resolve(bindings.all(), address)
    const agent = yield* agents.get(agentId)
    return { sessionKey, agentId: agent.id, exists: false, binding }
  })

  /** Several sessions may have the label; the newest one wins. */
  const byLabel = Effect.fnUntraced(function* (label: string, address: SessionAddress) {
    let newest: Session | undefined
    for (const session of index.values()) {
      if (session.label !== label || (address.agentId !== undefined && session.agentId !== address.agentId)) continue
      if (newest === undefined || session.updatedAt > newest.updatedAt) newest = session
    }
    if (newest === undefined) return yield* new SessionNotFound({ sessionKey: label })
    return { sessionKey: newest.key, agentId: newest.agentId, exists: true, binding: null }
  })

  const byRoute = Effect.fnUntraced(function* (address: SessionAddress) {
    const { agentId, binding = null } =
      address.agentId === undefined
        ? Routing.resolve(bindings.all(), address)
        : { agentId: address.agentId, binding: null }
    const agent = yield* agents.get(agentId)
    const sessionKey = Routing.sessionKey(agent.id, agent.dmScope, address)
    return { sessionKey, agentId: agent.id, exists: index.get(sessionKey) !== undefined, binding }
  })

  return Effect.fn("Sessions.resolve")(function* (address: SessionAddress) {
    if (address.key !== undefined) return yield* byKey(address.key, address)
    if (address.label !== undefined) return yield* byLabel(address.label, address)
    return yield* byRoute(address)
  })
})
