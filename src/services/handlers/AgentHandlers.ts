/**
 * AgentHandlers: implements the methods `agents.*` on the service Agents.
 */
import * as Effect from "effect/Effect"
import { AgentRpcs, MAIN_AGENT } from "../../domain/Agent.ts"
import { Agents } from "../agents/Agents.ts"

export const AgentHandlers = AgentRpcs.toLayer(
  Effect.gen(function* () {
    const agents = yield* Agents
    return AgentRpcs.of({
      "agents.list": () => Effect.sync(() => ({ agents: agents.all(), defaultId: MAIN_AGENT })),
      "agents.get": ({ id }) => agents.get(id),
      "agents.create": (agent) => agents.create(agent),
      "agents.update": ({ id, ...changes }) => agents.update(id, changes),
      "agents.delete": ({ id }) => Effect.map(agents.remove(id), (removedBindings) => ({ removedBindings })),
    })
  }),
)
