/**
 * ToolHandlers: implements `tools.list` on the services Agents and Tools.
 */
import * as Effect from "effect/Effect"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import { permissionFor, ToolRpcs } from "../../domain/Tool.ts"
import { Agents } from "../agents/Agents.ts"
import { Tools } from "../tools/Tools.ts"

export const ToolHandlers = ToolRpcs.toLayer(
  Effect.gen(function* () {
    const agents = yield* Agents
    const tools = yield* Tools
    return ToolRpcs.of({
      "tools.list": ({ agentId = MAIN_AGENT }) =>
        Effect.map(agents.get(agentId), (agent) => ({
          agentId: agent.id,
          tools: tools.all().map(({ description, name, permission, source }) => ({
            name,
            description,
            source,
            permission: permissionFor({ name, permission }, agent.tools),
          })),
          sources: tools.sources(),
        })),
    })
  }),
)
