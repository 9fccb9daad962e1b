/**
 * The registry of runtimes. Runtimes are Layers that add themselves to it, so merged Layers never lose one. TurnRunner
 * finds the runtime of an agent here, and System lists the models of all runtimes.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { Model } from "../../domain/Model.ts"
import type { AgentRuntime } from "./AgentRuntime.ts"

export class AgentRuntimes extends Context.Service<
  AgentRuntimes,
  {
    /** Adds the runtime under its name until the scope closes. Dies if another runtime has the name. */
    add(runtime: AgentRuntime): Effect.Effect<void, never, Scope.Scope>
    /** Returns `undefined` if no runtime has the name. */
    readonly get: (name: string) => AgentRuntime | undefined
    /** Returns the names in the order in which the runtimes were added. */
    readonly names: () => ReadonlyArray<string>
    /** Returns the name of the runtime that offers the model, or `undefined`. The first one that was added wins. */
    readonly offering: (model: string) => string | undefined
    /**
     * The models of all runtimes. The registry keeps a list that a runtime discovers for a minute. If a runtime fails or
     * takes longer than 5 seconds, the registry logs a warning and uses the runtime's last list.
     */
    readonly models: Effect.Effect<ReadonlyArray<Model>>
    /** Returns the option `model`: the model of agents that choose neither a model nor a runtime. */
    readonly defaultModel: () => string
    /** Takes over the default model of a reloaded configuration, and lets each runtime take over what it can. */
    readonly reload: (settings: GatewaySettings) => void
  }
>()("causeway/services/agents/AgentRuntimes") {
  /** The empty registry. */
  static readonly layer: Layer.Layer<AgentRuntimes, never, GatewayConfig> = Layer.effect(
    AgentRuntimes,
    Effect.map(GatewayConfig, ({ model }) => makeRegistry(model)),
  )

  /** A Layer that adds the runtimes to the registry. */
  static readonly add = (...runtimes: ReadonlyArray<AgentRuntime>): Layer.Layer<never, never, AgentRuntimes> =>
    Layer.effectDiscard(
      Effect.flatMap(AgentRuntimes, ({ add }) =>
        Effect.forEach(runtimes, (runtime) => add(runtime), { discard: true }),
      ),
    )
}

const makeRegistry = (model: string): AgentRuntimes["Service"] => {
  const entries = new Map<string, Entry>()
  let defaultModel = model
  return AgentRuntimes.of({
    add: Effect.fnUntraced(function* (runtime) {
      const { name } = runtime
      const models = yield* modelsOf(runtime)
      yield* Effect.acquireRelease(
        Effect.suspend(() =>
          entries.has(name) ? Effect.die(duplicate(name)) : Effect.sync(() => entries.set(name, { runtime, models })),
        ),
        () => Effect.sync(() => entries.delete(name)),
      )
    }),
    get: (name) => entries.get(name)?.runtime,
    names: () => [...entries.keys()],
    offering: (model) => {
      if (model === "") return undefined
      for (const [name, { runtime }] of entries) if (runtime.offers?.(model) === true) return name
      return undefined
    },
    models: Effect.suspend(() =>
      Effect.map(
        Effect.forEach(entries.values(), ({ models }) => models, { concurrency: "unbounded" }),
        (lists) => lists.flat(),
      ),
    ),
    defaultModel: () => defaultModel,
    reload: (settings) => {
      defaultModel = settings.model
      for (const { runtime } of entries.values()) runtime.reload?.(settings)
    },
  })
}

interface Entry {
  readonly runtime: AgentRuntime
  readonly models: Effect.Effect<ReadonlyArray<Model>>
}

const duplicate = (name: string) => new Error(`Two runtimes have the name "${name}". Give one of them another name.`)

/** Clients list models often, e.g. with every change of a session. */
const DISCOVERY_TTL = "1 minute"

/** `models.list` waits this long for the slowest provider. */
const DISCOVERY_TIMEOUT = "5 seconds"

/** Makes the Effect that returns a runtime's models, from its fixed list or by discovery. */
const modelsOf = ({ models, name }: AgentRuntime): Effect.Effect<Effect.Effect<ReadonlyArray<Model>>> => {
  if (!Effect.isEffect(models)) return Effect.succeed(Effect.succeed(models))
  let newest: ReadonlyArray<Model> = []
  const warn = (problem: unknown) => Effect.logWarning(`Cannot list the models of runtime "${name}"`, problem)
  const discover = models.pipe(
    Effect.timeout(DISCOVERY_TIMEOUT),
    Effect.tap((models) =>
      Effect.sync(() => {
        newest = models
      }),
    ),
    Effect.catchTag("RuntimeFailed", ({ detail }) => warn(detail)),
    Effect.catchTag("TimeoutError", () => warn(`No answer within ${DISCOVERY_TIMEOUT}.`)),
    Effect.catchDefect(warn),
    Effect.andThen(Effect.sync(() => newest)),
  )
  return Effect.cachedWithTTL(discover, DISCOVERY_TTL)
}
