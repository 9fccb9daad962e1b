/**
 * LocalChanges: translates the events of this gateway into changes of its own agents' cards. Fleet.ts uses it.
 */
import { type Agent, MAIN_AGENT } from "../../domain/Agent.ts"
import type { GatewayEvent, Positioned } from "../../domain/Event.ts"
import { type AgentFact, type Change, roleOf } from "./CardMerge.ts"
import type { RunFacts } from "./RunFacts.ts"

export const factOf = ({ id, name }: Agent): AgentFact => ({ id, name, role: roleOf(id === MAIN_AGENT) })

const problemOf = ({ error, outcome }: Extract<GatewayEvent, { readonly _tag: "RunEnded" }>): string | undefined =>
  outcome === "failed" ? (error?.message ?? "the run failed") : undefined

/** Returns `undefined` if the event changes no card. `runs` has the changes so far. */
export const localChange = (runs: RunFacts, { at, event }: Positioned): Change | undefined => {
  switch (event._tag) {
    case "AgentChanged":
      return { _tag: "Agent", agent: factOf(event.agent) }
    case "AgentRemoved":
      return { _tag: "AgentRemoved", agentId: event.agentId }
    case "SessionOpened":
    case "SessionChanged":
      return { _tag: "Session", session: event.session }
    case "SessionClosed":
      return { _tag: "SessionRemoved", key: event.sessionKey }
    case "RunStarted":
      return { _tag: "RunStarted", sessionKey: event.sessionKey, at }
    case "RunEnded":
      return { _tag: "RunEnded", sessionKey: event.sessionKey, problem: problemOf(event) }
    case "ThinkingDelta":
      return runs.thinks(event.sessionKey)
        ? undefined
        : { _tag: "RunThinks", sessionKey: event.sessionKey, thinks: true }
    case "TextDelta":
    case "ToolStarted":
      return runs.thinks(event.sessionKey)
        ? { _tag: "RunThinks", sessionKey: event.sessionKey, thinks: false }
        : undefined
    case "ToolEnded":
      return { _tag: "RunStepped", sessionKey: event.sessionKey }
    default:
      return undefined
  }
}
