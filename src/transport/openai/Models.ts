/**
 * Models: the agents as models of OpenAI's API. The id of a model is the id of an agent. OpenClaw's names `openclaw`,
 * `openclaw/default` and `openclaw/<agent>` work too. OpenAi.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { Agent } from "../../domain/Agent.ts"
import { didYouMean } from "../../domain/Suggestions.ts"
import { shortened } from "../../domain/Text.ts"
import { call, type Result } from "../dialect/Query.ts"
import { failure, refuse, respond } from "./Errors.ts"

/** Characters of an unknown name that an error repeats. */
const SHOWN_CHARS = 100

const PREFIX = /^openclaw[/:]/

/** Returns the id of the agent that a model stands for. */
const agentIdOf = (model: string, defaultId: string): string => {
  const id = model.replace(PREFIX, "")
  return id === "openclaw" || (id === "default" && model !== id) ? defaultId : id
}

export const modelOf = ({ createdAt, id }: Pick<Agent, "id" | "createdAt">) => ({
  id,
  object: "model",
  created: Math.floor(createdAt / 1_000),
  owned_by: "causeway",
  permission: [],
})

type Agents = Result<"agents.list">["agents"]

const unknownModel = (model: string, agents: Agents) => {
  const hint =
    didYouMean(
      model.slice(0, SHOWN_CHARS),
      agents.map(({ id }) => id),
    ) ?? "GET /v1/models lists the models"
  const message = `unknown model "${shortened(model, SHOWN_CHARS)}". ${hint}`
  return respond(failure(404, message, { param: "model", code: "model_not_found" }))
}

/** Returns all agents, `main` first. */
export const all = call("agents.list", {}).pipe(Effect.mapError(refuse))

/** Returns the agent of a model, or fails with the response to an unknown one. */
export const find = Effect.fnUntraced(function* (model: string) {
  const { agents, defaultId } = yield* all
  const id = agentIdOf(model, defaultId)
  return agents.find((agent) => agent.id === id) ?? (yield* Effect.fail(unknownModel(model, agents)))
})
