/**
 * Routing: pure functions that choose the agent and the session of a message, by the rules of docs/protocol/routing.md.
 * The services Sessions and Runs use them.
 */
import { type DmScope, MAIN_AGENT, normalizeAgentId } from "./Agent.ts"
import type { Binding } from "./Binding.ts"

/** Where a message comes from. A missing field matches no binding. */
export interface Route {
  readonly channel?: string | undefined
  readonly peerId?: string | undefined
  readonly guildId?: string | undefined
  readonly accountId?: string | undefined
}

/** Returns the bindings by precedence: tier ascending, priority descending, then in the order of creation. */
export const inOrder = (bindings: ReadonlyArray<Binding>): ReadonlyArray<Binding> =>
  bindings.toSorted((a, b) => a.tier - b.tier || b.priority - a.priority)

const matches = (binding: Binding, route: Route): boolean => {
  const value = binding.matchValue
  switch (binding.matchKey) {
    case "peer_id":
      if (binding.tier !== 1 || route.peerId === undefined) return false
      return value === (value.includes(":") ? `${route.channel ?? ""}:${route.peerId}` : route.peerId)
    case "guild_id":
      return binding.tier === 2 && value === route.guildId
    case "account_id":
      return binding.tier === 3 && value === route.accountId
    case "channel":
      return binding.tier === 4 && value === route.channel
    case "default":
      return binding.tier === 5
  }
}

/** Returns the agent of the first binding that matches the route, or `main`. `bindings` must be `inOrder`. */
export const resolve = (
  bindings: ReadonlyArray<Binding>,
  route: Route,
): { readonly agentId: string; readonly binding: Binding | undefined } => {
  const binding = bindings.find((candidate) => matches(candidate, route))
  return { agentId: binding?.agentId ?? MAIN_AGENT, binding }
}

const part = (value: string | undefined): string => (value ?? "").trim().toLowerCase()

const orElse = (value: string, fallback: string): string => (value === "" ? fallback : value)

/** Returns the session key of a route, in lower case, by the agent's `dmScope`. Without a peer: the main session. */
export const sessionKey = (agentId: string, dmScope: DmScope, route: Route): string => {
  const agent = normalizeAgentId(agentId)
  const peer = part(route.peerId)
  if (peer === "" || dmScope === "main") return `agent:${agent}:main`
  if (dmScope === "per-peer") return `agent:${agent}:direct:${peer}`
  const channel = orElse(part(route.channel), "unknown")
  if (dmScope === "per-channel-peer") return `agent:${agent}:${channel}:direct:${peer}`
  return `agent:${agent}:${channel}:${orElse(part(route.accountId), "default")}:direct:${peer}`
}

/** Returns the agent id in a session key of the form `agent:{id}:…`, or `undefined`. */
export const agentOfSessionKey = (key: string): string | undefined => /^agent:([^:]+):./.exec(key)?.[1]
