/**
 * Mappings: finds the mapping of a request and makes the messages of it. Pure. Hooks.ts uses it.
 */
import { MAIN_AGENT } from "../../domain/Agent.ts"
import type { HookMapping, HookSettings } from "../../domain/Hook.ts"
import { isolatedSession, runIdOf } from "./HookIds.ts"
import type { AgentTurn, Wake } from "./HookRequests.ts"
import { fill, valueAt, type Values } from "./Template.ts"

/** Items that one request may start. */
const MAX_ITEMS = 200

export interface NamedMapping extends HookMapping {
  readonly id: string
}

/** Returns the mappings at the path, in the order of the configuration. */
export const mappingsAt = ({ mappings }: Pick<HookSettings, "mappings">, path: string): ReadonlyArray<NamedMapping> =>
  Object.entries(mappings)
    .filter(([id, { match }]) => (match.path ?? id) === path)
    .map(([id, mapping]) => Object.assign({ id }, mapping))

/** Returns the first mapping that takes the body. */
export const mappingFor = (mappings: ReadonlyArray<NamedMapping>, payload: unknown): NamedMapping | undefined =>
  mappings.find(({ match }) => match.source === undefined || match.source === valueAt(payload, "source"))

/** A message of a request, for an agent or for a main session. */
export type Action = ({ readonly _tag: "Agent" } & AgentTurn) | ({ readonly _tag: "Wake" } & Wake)

const actionOf = (
  mapping: NamedMapping,
  { defaultSessionKey }: Pick<HookSettings, "defaultSessionKey">,
  values: Values,
  key: string | undefined,
): Action | undefined => {
  const { action, agentId = MAIN_AGENT, deliver, id, model, name = id, thinking, timeoutSeconds, wakeMode } = mapping
  const runId = runIdOf(key, id)
  const named = mapping.sessionKey === undefined ? "" : fill(mapping.sessionKey, values)
  if (action === "wake") {
    const text = fill(mapping.textTemplate, values)
    if (text === "") return undefined
    return { _tag: "Wake", text, mode: wakeMode, agentId, sessionKey: named || undefined, id: runId }
  }
  const message = fill(mapping.messageTemplate, values)
  if (message === "") return undefined
  const sessionKey = named || (defaultSessionKey ?? isolatedSession(runId))
  const turn = { name, message, agentId, sessionKey, runId, deliver, wakeMode: "next-heartbeat" as const }
  return { _tag: "Agent", ...turn, model, thinking, timeoutSeconds }
}

/**
 * Returns the actions of a request, none if its templates are empty. Returns `undefined` if `forEach` leads to no list or to
 * a list that is too long. `key`: the key by which the sender repeats the request.
 */
export const actionsOf = (
  mapping: NamedMapping,
  settings: Pick<HookSettings, "defaultSessionKey">,
  values: Values,
  key: string | undefined,
): ReadonlyArray<Action> | undefined => {
  if (mapping.forEach === undefined) return [actionOf(mapping, settings, values, key) ?? []].flat()
  const items = valueAt(values.payload, mapping.forEach)
  if (!Array.isArray(items) || items.length > MAX_ITEMS) return undefined
  return items.flatMap((item: unknown, i) => {
    const ofItem = key === undefined ? undefined : `${key}#${i}`
    return actionOf(mapping, settings, { ...values, item }, ofItem) ?? []
  })
}
