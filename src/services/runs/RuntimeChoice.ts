/**
 * Chooses the runtime of an agent: its own, else the one that offers its model, else the gateway's default. TurnRunner,
 * ChatCommands and SessionCompaction use it.
 */
import * as Effect from "effect/Effect"
import type { Agent } from "../../domain/Agent.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { RuntimeFailed } from "../../domain/Run.ts"
import type { Session } from "../../domain/Session.ts"
import type { AgentRuntime } from "../agents/AgentRuntime.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Agents } from "../agents/Agents.ts"

/** The agent of a run, its runtime and the model. The model is empty for the runtime's default. */
export interface Chosen {
  readonly agent: Agent
  readonly runtime: AgentRuntime
  readonly model: string
}

export const make = Effect.gen(function* () {
  const agents = yield* Agents
  const runtimes = yield* AgentRuntimes
  const config = yield* GatewayConfig

  /** Returns the name of the runtime, which need not exist. */
  const nameFor = (agent: Pick<Agent, "model" | "runtime">, session: Pick<Session, "model"> | undefined): string => {
    if (agent.runtime !== "") return agent.runtime
    const model = (session?.model ?? agent.model) || runtimes.defaultModel()
    return runtimes.offering(model) ?? config.runtime
  }

  const fail = (runtime: string, detail: string) => Effect.fail(new RuntimeFailed({ runtime, detail }))

  /** Fails if the agent or its runtime does not exist. */
  const choose = Effect.fnUntraced(function* (
    agentId: string,
    session: Pick<Session, "model"> | undefined,
  ): Effect.fn.Return<Chosen, RuntimeFailed> {
    const agent = yield* Effect.catchTag(agents.get(agentId), "AgentNotFound", () =>
      fail("", `Unknown agent "${agentId}". It was removed after the message was accepted.`),
    )
    const name = nameFor(agent, session)
    const runtime = runtimes.get(name)
    if (runtime === undefined) {
      return yield* fail(name, `Unknown runtime "${name}". Set the agent's runtime to: ${runtimes.names().join(", ")}.`)
    }
    const own = session?.model ?? agent.model
    const fallback = runtimes.defaultModel()
    return { agent, runtime, model: own === "" && runtime.offers?.(fallback) === true ? fallback : own }
  })

  return { nameFor, choose }
})
