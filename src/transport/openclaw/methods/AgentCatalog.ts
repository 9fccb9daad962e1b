/**
 * The roster: agents and models together, as rows of either name the other. Models are `provider/model` here; the
 * provider is the runtime that offers the model.
 */
import * as Effect from "effect/Effect"
import { type Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Model } from "../../../domain/System.ts"
import { cached, call, type Query } from "../../dialect/Query.ts"

export interface AgentCatalog {
  readonly defaultId: string
  readonly agents: ReadonlyArray<Agent>
  readonly models: ReadonlyArray<Model>
}

export const agentCatalog: Query<AgentCatalog> = cached(
  Effect.gen(function* () {
    const { agents, defaultId } = yield* call("agents.list", {})
    const { models } = yield* call("models.list", {})
    return { agents, defaultId, models }
  }),
)

/** What a client sees that may not read. */
export const emptyCatalog: AgentCatalog = { defaultId: MAIN_AGENT, agents: [], models: [] }

export const modelRef = ({ id, runtime }: Model): string => `${runtime}/${id}`

/** A model as clients name it, to its id; an id that is not known is the runtime's to judge. */
export const modelId = (models: ReadonlyArray<Model>, ref: string): string =>
  models.find((model) => model.id === ref || modelRef(model) === ref)?.id ?? ref

/** The model with the id, or else the first that the agent's runtime offers. */
export const modelFor = (
  { agents, models }: AgentCatalog,
  agentId: string,
  override?: string | null,
): Model | undefined => {
  const agent = agents.find(({ id }) => id === agentId)
  const id = override ?? agent?.model ?? ""
  return (
    models.find((model) => model.id === id) ??
    models.find(({ runtime }) => runtime === agent?.runtime) ??
    (id === "" ? models[0] : undefined)
  )
}

/** Models think as much as they do: the contract has no levels to choose from. */
export const thinking = {
  thinkingLevels: [{ id: "off", label: "off" }],
  thinkingOptions: ["off"],
  thinkingDefault: "off",
}

/** `auto`: the gateway's default. */
export const agentRuntime = (runtime: string) =>
  runtime === "" ? { id: "auto", source: "implicit" } : { id: runtime, source: "agent" }
