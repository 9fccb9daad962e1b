/**
 * Rights: the rights with which a tool acts. They are those of the sender of the run's message, reduced to reading and
 * writing. Within its own tree (its session and the sessions that it spawned) an agent needs no right of the sender. The
 * tools of this folder use it.
 */
import * as Effect from "effect/Effect"
import { grants, type Principal, type Scope } from "../../domain/Principal.ts"
import type { Session } from "../../domain/Session.ts"
import { ToolFailed, type ToolRun } from "../tools/AgentTool.ts"

/** Tools never administer, pair devices or approve, even if the sender may. */
const TOOL_SCOPES: ReadonlyArray<Scope> = ["operator.read", "operator.write"]

export const mayRead = ({ principal }: Pick<ToolRun, "principal">): boolean => grants(principal.scopes, "operator.read")

export const mayWrite = ({ principal }: Pick<ToolRun, "principal">): boolean =>
  grants(principal.scopes, "operator.write")

/** Returns the sender with the rights that a tool has. Messages that tools send carry it. */
export const asSender = (principal: Principal): Principal => ({
  ...principal,
  scopes: TOOL_SCOPES.filter((scope) => grants(principal.scopes, scope)),
})

/** Fails with a message that names the right which the sender lacks. */
export const denied = (action: string, scope: Scope): Effect.Effect<never, ToolFailed> =>
  Effect.fail(new ToolFailed({ message: `The sender of this message may not ${action}: it needs the scope ${scope}.` }))

type Find = (key: string) => Session | undefined

/** Sessions that spawn each other in a circle do not exist. The bound is for damaged data. */
const MAX_ANCESTORS = 64

/** Returns the keys of the session and of its ancestors, the session first. */
export const lineage = (key: string, find: Find): ReadonlyArray<string> => {
  const keys = [key]
  for (let parent = find(key)?.parentKey; parent !== undefined; parent = find(parent)?.parentKey) {
    if (keys.includes(parent) || keys.length > MAX_ANCESTORS) break
    keys.push(parent)
  }
  return keys
}

/** Returns whether the session is the root, or was spawned in its tree. */
export const isInTree = (key: string, root: string, find: Find): boolean => lineage(key, find).includes(root)
