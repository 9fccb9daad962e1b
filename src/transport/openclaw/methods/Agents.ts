/**
 * Agents: the list that every client begins with, who an agent is, and making, changing and removing them. Workspaces,
 * emoji and avatars have no place in the contract: they are passed by. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { invalid, key, name, Nothing } from "../wire/Params.ts"
import { agentRuntime, modelFor, modelId, modelRef, type AgentCatalog, agentCatalog, thinking } from "./AgentCatalog.ts"
import { MAIN_KEY } from "./SessionKeys.ts"

const agentRow = (agent: Agent, roster: AgentCatalog) => {
  const model = modelFor(roster, agent.id)
  return {
    id: agent.id,
    kind: "agent",
    name: agent.name,
    identity: { name: agent.name },
    createdAt: Math.floor(agent.createdAt),
    agentRuntime: agentRuntime(agent.runtime),
    ...(model !== undefined && { model: { primary: modelRef(model) } }),
    ...thinking,
  }
}

const list = dialectMethod(Nothing, () =>
  Effect.map(agentCatalog, (all) => ({
    defaultId: all.defaultId,
    ownership: "sole",
    selectionRequired: false,
    mainKey: MAIN_KEY,
    scope: "per-sender",
    agents: all.agents.map((agent) => agentRow(agent, all)),
  })),
)

const identity = dialectMethod(Schema.Struct({ agentId: name, sessionKey: key }), ({ agentId, sessionKey }) => {
  const id = trimmed(agentId) ?? agentOfSessionKey(sessionKey ?? "") ?? MAIN_AGENT
  return Effect.map(call("agents.get", { id }), ({ id, name }) => ({
    agentId: id,
    name,
    nameSource: "config",
    avatar: [...name][0]?.toUpperCase() ?? "A",
  }))
})

const create = dialectMethod(Schema.Struct({ name, model: name, workspace: name }), ({ model, name }) => {
  if (trimmed(name) === undefined) return invalid("name is required")
  return Effect.flatMap(agentCatalog, ({ models }) => {
    const chosen = trimmed(model)
    return Effect.map(
      call("agents.create", { name: trimmed(name)!, ...(chosen !== undefined && { model: modelId(models, chosen) }) }),
      (agent) => ({
        ok: true,
        agentId: agent.id,
        name: agent.name,
        // The schema asks for one. Clients of protocol 3 have to name theirs; an agent has none here.
        workspace: agent.id,
        ...given({ model: chosen }),
      }),
    )
  })
})

const update = dialectMethod(Schema.Struct({ agentId: name, name, model: name }), ({ agentId, model, name }) => {
  if (trimmed(agentId) === undefined) return invalid("agentId is required")
  return Effect.flatMap(agentCatalog, ({ models }) =>
    Effect.map(
      call("agents.update", {
        id: agentId!,
        ...given({ name: trimmed(name) }),
        // Null takes the choice back.
        ...(model !== undefined && { model: trimmed(model) === undefined ? "" : modelId(models, model!) }),
      }),
      ({ id }) => ({ ok: true, agentId: id }),
    ),
  )
})

const remove = dialectMethod(Schema.Struct({ agentId: name }), ({ agentId }) => {
  if (trimmed(agentId) === undefined) return invalid("agentId is required")
  return Effect.map(call("agents.delete", { id: agentId! }), ({ removedBindings }) => ({
    ok: true,
    agentId,
    removedBindings,
  }))
})

export const agentMethods: ReadonlyArray<Row> = [
  ["agents.list", "operator.read", list],
  ["agents.create", "operator.admin", create],
  ["agents.update", "operator.admin", update],
  ["agents.delete", "operator.admin", remove],
  ["agent.identity.get", "operator.read", identity],
]
