/**
 * Agents: the methods that list, describe, create, update and delete agents. The contract has no workspaces, emoji or
 * avatars, so the methods ignore a workspace, and Unsupported.ts refuses the rest.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { invalid, key, name, NoParams } from "../wire/Params.ts"
import {
  agentRuntime,
  modelFor,
  modelId,
  modelRef,
  type AgentCatalog,
  agentCatalog,
  thinkingChoices,
} from "./AgentCatalog.ts"
import { MAIN_KEY } from "./SessionKeys.ts"

const agentRow = (agent: Agent, catalog: AgentCatalog) => {
  const model = modelFor(catalog, agent.id)
  return {
    id: agent.id,
    kind: "agent",
    name: agent.name,
    identity: { name: agent.name },
    createdAt: Math.floor(agent.createdAt),
    agentRuntime: agentRuntime(agent.runtime),
    ...(model !== undefined && { model: { primary: modelRef(model) } }),
    ...thinkingChoices(agent),
  }
}

const list = dialectMethod(NoParams, () =>
  Effect.map(agentCatalog, (catalog) => ({
    defaultId: catalog.defaultId,
    ownership: "sole",
    selectionRequired: false,
    mainKey: MAIN_KEY,
    scope: "per-sender",
    agents: catalog.agents.map((agent) => agentRow(agent, catalog)),
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
  if (!hasText(name)) return invalid("name is required")
  return Effect.gen(function* () {
    const { models } = yield* agentCatalog
    const chosen = trimmed(model)
    const agent = yield* call("agents.create", {
      name: name.trim(),
      ...(chosen !== undefined && { model: modelId(models, chosen) }),
    })
    return {
      ok: true,
      agentId: agent.id,
      name: agent.name,
      // The published schema requires a workspace, which an agent does not have here.
      workspace: agent.id,
      ...given({ model: chosen }),
    }
  })
})

const update = dialectMethod(Schema.Struct({ agentId: name, name, model: name }), ({ agentId, model, name }) => {
  if (!hasText(agentId)) return invalid("agentId is required")
  return Effect.gen(function* () {
    const { models } = yield* agentCatalog
    const { id } = yield* call("agents.update", {
      id: agentId,
      ...given({ name: trimmed(name) }),
      // Null removes the model.
      ...(model !== undefined && { model: hasText(model) ? modelId(models, model) : "" }),
    })
    return { ok: true, agentId: id }
  })
})

const remove = dialectMethod(Schema.Struct({ agentId: name }), ({ agentId }) => {
  if (!hasText(agentId)) return invalid("agentId is required")
  return Effect.map(call("agents.delete", { id: agentId }), ({ removedBindings }) => ({
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
