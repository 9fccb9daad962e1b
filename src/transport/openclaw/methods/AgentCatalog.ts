/**
 * AgentCatalog: the agents together with their models, because views of either name the other. Clients name a model
 * `provider/model`. A runtime without providers, such as `echo`, is the provider of its models. Methods and session events
 * use it.
 */
import * as Effect from "effect/Effect"
import { type Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Model } from "../../../domain/Model.ts"
import { ThinkingLevel } from "../../../domain/Run.ts"
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

/** The catalog for a client that may not read. */
export const emptyCatalog: AgentCatalog = { defaultId: MAIN_AGENT, agents: [], models: [] }

/** Returns the provider of a model and the provider's name for it. */
export const nameOf = ({ id, runtime }: Pick<Model, "id" | "runtime">) => {
  const slash = id.indexOf("/")
  return slash < 1 ? { provider: runtime, model: id } : { provider: id.slice(0, slash), model: id.slice(slash + 1) }
}

export const modelRef = (found: Model): string => {
  const { model, provider } = nameOf(found)
  return `${provider}/${model}`
}

/** Returns the id of the model that the client names. An unknown name is returned as it is, for the runtime to check. */
export const modelId = (models: ReadonlyArray<Model>, ref: string): string =>
  (
    models.find((model) => model.id === ref || modelRef(model) === ref) ??
    models.find((model) => nameOf(model).model === ref)
  )?.id ?? ref

/** Returns the agent's model, or `override` in its place, or else the first model of the agent's runtime. */
export const modelFor = (catalog: AgentCatalog, agentId: string, override?: string | null): Model | undefined => {
  const { models } = catalog
  const agent = agentOf(catalog, agentId)
  const id = override ?? agent?.model ?? ""
  return (
    models.find((model) => model.id === id) ??
    models.find(({ runtime }) => runtime === agent?.runtime) ??
    (id === "" ? models[0] : undefined)
  )
}

/** The thinking levels to choose from. */
const levels = ThinkingLevel.literals.map((id) => ({ id, label: id }))

/** Returns the thinking levels, with the one of the agent as the default. */
export const thinkingChoices = (agent?: Pick<Agent, "thinking">) => ({
  thinkingLevels: levels,
  thinkingOptions: ThinkingLevel.literals,
  thinkingDefault: agent?.thinking ?? "off",
})

export const agentOf = ({ agents }: AgentCatalog, agentId: string): Agent | undefined =>
  agents.find(({ id }) => id === agentId)

/** `auto` is the gateway's default runtime. */
export const agentRuntime = (runtime: string) =>
  runtime === "" ? { id: "auto", source: "implicit" } : { id: runtime, source: "agent" }
