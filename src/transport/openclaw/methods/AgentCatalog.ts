/**
 * The roster: agents and models together, as rows of either name the other. Models are `provider/model` here; the
 * provider is the runtime that offers the model.
 */
import { type Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Model } from "../../../domain/System.ts"
import { ask, type Inquiry, known, shared } from "../../dialect/Query.ts"

export interface AgentCatalog {
  readonly defaultId: string
  readonly agents: ReadonlyArray<Agent>
  readonly models: ReadonlyArray<Model>
}

const currentCatalog = (): Inquiry<AgentCatalog> =>
  ask("agents.list", {}, ({ agents, defaultId }) =>
    ask("models.list", {}, ({ models }) => known({ agents, defaultId, models })),
  )

export const agentCatalog = () => shared(currentCatalog)

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
