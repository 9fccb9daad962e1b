/**
 * The registry of tools. Tools are Layers that add themselves to it, and sources such as MCP servers add and remove
 * theirs while the gateway runs. Runtimes take the tools of a run from `of`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type { Agent, ToolPermission } from "../../domain/Agent.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { permissionFor, ToolName, type ToolSource } from "../../domain/Tool.ts"
import type { AgentTool, ToolRun } from "./AgentTool.ts"
import * as ToolCalls from "./ToolCalls.ts"
import type { ToolResult } from "./ToolCalls.ts"

/** A tool of effect/ai in the form that `of` returns: input by JSON Schema, the result as text, failures as results. */
export type ModelTool = Tool.Tool<
  string,
  {
    readonly parameters: typeof Schema.Unknown
    readonly success: typeof Schema.String
    readonly failure: typeof Schema.String
    readonly failureMode: "return"
  }
>

/** The tools of a run, for `LanguageModel.streamText({ toolkit })`. `handle` never fails: the model reads each failure. */
export type ModelToolkit = Toolkit.WithHandler<Record<string, ModelTool>>

export type SetSourceState = (state: ToolSource["state"], problem?: string) => void

/** Another tool has the name. */
export class ToolExists extends Schema.TaggedError<ToolExists>()("ToolExists", { name: Schema.String }) {
  override get message() {
    return `Two tools have the name "${this.name}". Give one of them another name.`
  }
}

export class Tools extends Context.Service<
  Tools,
  {
    /** Adds the tools until the scope closes. Adds none of them if one name is taken. Dies if a name is invalid. */
    add(...tools: ReadonlyArray<AgentTool>): Effect.Effect<void, ToolExists, Scope.Scope>
    /** Returns all tools in the order in which they were added. */
    readonly all: () => ReadonlyArray<AgentTool>
    /** Adds a source in the state `starting` until the scope closes. Returns the function that changes its state. */
    addSource(name: string): Effect.Effect<SetSourceState, never, Scope.Scope>
    /** Returns the sources in the order in which they were added. */
    readonly sources: () => ReadonlyArray<ToolSource>
    /** Returns the tools that the agent may use, each with its permission, without those that are denied. */
    readonly allowed: (agent: Pick<Agent, "tools">) => ReadonlyArray<readonly [AgentTool, ToolPermission]>
    /** Returns the tools of a run. Later changes of the registry need a new call. A `Turn` is a ToolRun. */
    of(run: ToolRun): Effect.Effect<ModelToolkit>
    /** Runs one call and returns its result. Never fails: see ToolCalls.ts. */
    call(run: ToolRun, name: string, input: unknown, callId: string): Effect.Effect<ToolResult>
  }
>()("causeway/services/tools/Tools") {
  /** The empty registry. It reads ToolApproval when it is built. */
  static readonly layer: Layer.Layer<Tools, never, GatewayConfig> = Layer.effect(
    Tools,
    Effect.suspend(() => make),
  )

  /** A Layer that adds the tools to the registry. It takes the services of their handlers from its context. */
  static readonly add = <R = never>(...tools: ReadonlyArray<AgentTool<R>>): Layer.Layer<never, never, Tools | R> =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const { add } = yield* Tools
        const context = yield* Effect.context<R>()
        yield* Effect.orDie(add(...tools.map((tool) => withContext(tool, context))))
      }),
    )
}

const withContext = <R>(tool: AgentTool<R>, context: Context.Context<R>): AgentTool => ({
  ...tool,
  run: (input) => Effect.provideContext(tool.run(input), context),
})

const isToolName = Schema.is(ToolName)

const make = Effect.gen(function* () {
  const entries = new Map<string, AgentTool>()
  const sources = new Map<string, ToolSource>()
  const run = yield* ToolCalls.make

  const call = (toolRun: ToolRun, name: string, input: unknown, callId: string) =>
    run({ run: toolRun, tool: entries.get(name), name, input, callId, names: () => namesFor(toolRun.agent) })

  const allowed = (agent: Pick<Agent, "tools">) =>
    [...entries.values()].flatMap((tool) => {
      const permission = permissionFor(tool, agent.tools)
      return permission === "deny" ? [] : [[tool, permission] as const]
    })

  const namesFor = (agent: Agent) => allowed(agent).map(([{ name }]) => name)

  return Tools.of({
    add: (...tools) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const names = new Set<string>()
            for (const { name } of tools) {
              if (!isToolName(name)) return Effect.die(new Error(invalidName(name)))
              if (entries.has(name) || names.has(name)) return Effect.fail(new ToolExists({ name }))
              names.add(name)
            }
            for (const tool of tools) entries.set(tool.name, tool)
            return Effect.void
          }),
          () => Effect.sync(() => tools.forEach(({ name }) => entries.delete(name))),
        ),
      ),
    all: () => [...entries.values()],
    addSource: (name) =>
      Effect.acquireRelease(
        Effect.sync((): SetSourceState => {
          const set: SetSourceState = (state, problem) => sources.set(name, { name, state, problem: problem ?? null })
          set("starting")
          return set
        }),
        () => Effect.sync(() => sources.delete(name)),
      ),
    sources: () => [...sources.values()],
    allowed,
    of: Effect.fnUntraced(function* (toolRun) {
      const tools = allowed(toolRun.agent)
      const toModelTool = yield* modelToolMaker
      return {
        tools: Object.fromEntries(tools.map(([tool]) => [tool.name, toModelTool(tool)])),
        handle: (name, params, callId = "") =>
          Effect.succeed(
            Stream.fromEffect(
              Effect.map(call(toolRun, String(name), params, callId), ({ isError, text }) => ({
                result: text,
                encodedResult: text,
                isFailure: isError,
                ...(isError && { failureOrigin: "handler" as const }),
                preliminary: false,
              })),
            ),
          ),
      }
    }),
    call,
  })
})

const invalidName = (name: string) =>
  `A tool cannot have the name "${name}". Use 1 to 64 letters, digits, _ and -: model providers accept no others.`

/** Makes the function that makes a tool of effect/ai. The module is loaded here, since a gateway without models needs none. */
const modelToolMaker = Effect.map(
  Effect.promise(() => import("effect/ai/Tool")),
  (Tool) =>
    ({ description, name, parameters }: AgentTool): ModelTool =>
      Tool.dynamic(name, {
        description,
        parameters: parameters(),
        success: Schema.String,
        failure: Schema.String,
        failureMode: "return",
      }).annotate(Tool.Strict, false),
)
