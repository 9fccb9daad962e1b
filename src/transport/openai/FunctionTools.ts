/**
 * FunctionTools: the fields `tools`, `tool_choice` and `parallel_tool_calls` of both families of requests. They become the
 * offer of a client to its run. ChatCompletions.ts and Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { didYouMean } from "../../domain/Suggestions.ts"
import { ToolName } from "../../domain/Tool.ts"
import { AgentRuntimes } from "../../services/agents/AgentRuntimes.ts"
import { Agents } from "../../services/agents/Agents.ts"
import * as RuntimeChoice from "../../services/runs/RuntimeChoice.ts"
import { Sessions } from "../../services/sessions/Sessions.ts"
import type { ClientTool, ClientToolOffer } from "../../services/tools/ClientTools.ts"
import { maybe } from "../dialect/Params.ts"
import { invalid } from "./Errors.ts"
import type { Target } from "./Target.ts"

/** OpenAI's own bound. */
const MAX_TOOLS = 128

const Function = Schema.Struct({
  name: Schema.String,
  description: maybe(Schema.String),
  parameters: maybe(Schema.Record(Schema.String, Schema.Unknown)),
})

/** `/responses` has the fields of the function beside the type, `/chat/completions` in the member `function`. */
const Tool = Schema.Struct({
  type: Schema.String,
  function: Schema.optionalKey(Function),
  name: Schema.optionalKey(Schema.String),
  description: Function.fields.description,
  parameters: Function.fields.parameters,
})
type Tool = typeof Tool.Type

/** `allowed_tools` has the names in the member `tools`, in `/chat/completions` within a member of its own name. */
const Allowed = { mode: Schema.optionalKey(Schema.String), tools: Schema.optionalKey(Schema.Array(Tool)) }

const Choice = Schema.Union([
  Schema.Literals(["none", "auto", "required"]),
  Schema.Struct({
    type: Schema.String,
    function: Schema.optionalKey(Schema.Struct({ name: Schema.String })),
    name: Schema.optionalKey(Schema.String),
    allowed_tools: Schema.optionalKey(Schema.Struct(Allowed)),
    ...Allowed,
  }),
])

/** The fields for the schemas of both families. */
export const fields = {
  tools: maybe(Schema.Array(Tool)),
  tool_choice: maybe(Choice),
  parallel_tool_calls: maybe(Schema.Boolean),
}
export type Fields = Schema.Struct<typeof fields>["Type"]

const NO_PARAMETERS = { type: "object", properties: {} }

const isToolName = Schema.is(ToolName)

const nameOf = (tool: Pick<Tool, "name"> & { readonly function?: { readonly name: string } }): string =>
  tool.function?.name ?? tool.name ?? ""

const toolOf = Effect.fnUntraced(function* (
  tool: Tool,
  index: number,
): Effect.fn.Return<ClientTool, HttpServerResponse> {
  const param = `tools[${index}]`
  if (tool.type !== "function") {
    const message = `tools of the type "${tool.type.slice(0, 40)}" are not supported: define a function`
    return yield* Effect.fail(invalid(`${param}.type`, message, "unsupported_parameter"))
  }
  const name = nameOf(tool)
  if (!isToolName(name)) {
    const message = `the name of a function must be 1 to 64 letters, digits, _ and -, and not "${String(name).slice(0, 80)}"`
    return yield* Effect.fail(invalid(`${param}.name`, message))
  }
  const { description, parameters } = tool.function ?? tool
  if (parameters && parameters["type"] !== "object") {
    const message = `the parameters of "${name}" must be a JSON Schema of the type "object"`
    return yield* Effect.fail(invalid(`${param}.parameters`, message))
  }
  return { name, description: description ?? "", parameters: parameters ?? NO_PARAMETERS }
})

/** Returns the names that the choice leaves, and whether a call of them is required. */
const chosen = (choice: Fields["tool_choice"]): { readonly names?: ReadonlyArray<string>; readonly mode: string } => {
  if (!Predicate.isObject(choice)) return { mode: choice ?? "auto" }
  if (choice.type !== "allowed_tools") return { mode: "tool", names: [nameOf(choice)] }
  const { mode = "auto", tools = [] } = choice.allowed_tools ?? choice
  return { mode, names: tools.map(nameOf) }
}

/** Returns the offer of a request, `undefined` for one without tools, or fails with the response to wrong fields. */
export const offerOf = Effect.fnUntraced(function* (
  request: Fields,
): Effect.fn.Return<ClientToolOffer | undefined, HttpServerResponse> {
  const all = yield* Effect.forEach(request.tools ?? [], toolOf)
  if (all.length > MAX_TOOLS) return yield* Effect.fail(invalid("tools", `a request may have ${MAX_TOOLS} tools`))
  const names = all.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    return yield* Effect.fail(invalid("tools", `two tools have the name "${twice}": rename one of them`))
  }
  const { mode, names: only = names } = chosen(request.tool_choice)
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, names) ?? "Name one of the tools of the request"
    return yield* Effect.fail(invalid("tool_choice", `unknown tool "${unknown.slice(0, 80)}". ${hint}`))
  }
  const parallel = request.parallel_tool_calls !== false
  switch (mode) {
    case "none":
      return undefined
    case "tool":
      return { tools: all, choice: { tool: only[0]! }, parallel }
    case "auto":
    case "required": {
      const tools = all.filter(({ name }) => only.includes(name))
      if (tools.length > 0) return { tools, choice: mode, parallel }
      if (mode === "auto") return undefined
      return yield* Effect.fail(invalid("tool_choice", `"required" needs at least one tool in the request`))
    }
    default:
      return yield* Effect.fail(invalid("tool_choice", `the mode must be "auto" or "required"`))
  }
})

/** Makes the check that the agent of a target can take the tools of a client. */
export const makeCheck = Effect.gen(function* () {
  const agents = yield* Agents
  const runtimes = yield* AgentRuntimes
  const sessions = yield* Sessions
  const { nameFor } = yield* RuntimeChoice.make
  return Effect.fnUntraced(function* ({ agentId, sessionKey }: Pick<Target, "agentId" | "sessionKey">) {
    // An agent that somebody has removed meanwhile gets its own error from the send.
    const agent = yield* Effect.option(agents.get(agentId))
    if (agent._tag === "None") return
    const runtime = nameFor(agent.value, sessions.find(sessionKey))
    if (runtimes.get(runtime)?.takesClientTools === true) return
    const message = `the agent "${agentId}" cannot call tools of a client, because its runtime is "${runtime}": leave "tools" out, or give the agent a model of a provider`
    return yield* Effect.fail(invalid("tools", message, "unsupported_parameter"))
  })
})
