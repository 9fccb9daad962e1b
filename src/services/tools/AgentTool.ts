/**
 * A tool: a function with schemas that agents call. `AgentTool.make` makes one from an Effect function. Tools.ts is the
 * registry; it checks the permission, the time and the size of each call.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { Agent, ToolPermission } from "../../domain/Agent.ts"
import type { Principal } from "../../domain/Principal.ts"
import { shortened, textOrJson } from "../../domain/Text.ts"

/** The run that calls tools. A `Turn` has all of it. */
export interface ToolRun {
  readonly agent: Agent
  readonly sessionKey: string
  readonly runId: string
  /** 1 for the first start of the run. A tool that acts on the world sees the same call again in a later attempt. */
  readonly attempt: number
  /** The sender of the message. A tool does nothing that this caller may not do. */
  readonly principal: Principal
}

/** The call that a handler serves. */
export class CurrentToolCall extends Context.Service<CurrentToolCall, ToolRun & { readonly callId: string }>()(
  "causeway/services/tools/CurrentToolCall",
) {}

/** The call failed for a reason that the model reads. The message says what the model can do instead. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", { message: Schema.String }) {}

/** A file that a tool returns. The gateway keeps it with the message of the call. */
export interface ToolFile {
  readonly name?: string
  /** The media type. It counts only where the content does not show another one. */
  readonly type?: string
  readonly bytes: Uint8Array
}

/** The output of a call. */
export interface ToolOutput {
  /** The text that the model reads. */
  readonly text: string
  /** The text for events and the history. Left out: the same. */
  readonly shown?: string
  readonly files?: ReadonlyArray<ToolFile>
}

/** A tool in the form that the registry runs. `R`: the services that its handler needs. */
export interface AgentTool<out R = never> {
  /** Letters, digits, `_` and `-`, at most 64. Unique in a gateway. */
  readonly name: string
  /** Tells the model what the tool does and when to use it. */
  readonly description: string
  /** See `ToolInfo`. */
  readonly source: string
  /** The permission for agents that do not set one. */
  readonly permission: ToolPermission
  /** Milliseconds that a call may take. Left out: `tools.timeoutMs`. `Infinity`: any time. */
  readonly timeoutMs?: number | undefined
  /** The JSON Schema of the input, an object. */
  readonly parameters: () => JsonSchema.JsonSchema
  /** Runs a call with input from outside, and returns the text that the model reads. */
  readonly run: (input: unknown) => Effect.Effect<string | ToolOutput, ToolFailed, CurrentToolCall | R>
}

/** The part of a schema error that the model reads. */
const ISSUE_CHARS = 1_000

const NO_PARAMETERS: JsonSchema.JsonSchema = { type: "object", properties: {}, additionalProperties: false }

/** A tool that the embedding program adds, unless `source` says otherwise. */
const DEFAULTS = { source: "program", permission: "allow" } as const

/**
 * Makes a tool from an Effect function. The handler gets decoded parameters; the model reads the encoded result, a text as
 * it is and other values as JSON. The handler may ask for CurrentToolCall. Input that does not match its schema never
 * reaches the handler: the model reads the problem and can try again.
 */
export const make = <S, P = Record<never, never>, R = never>(tool: {
  readonly name: string
  readonly description: string
  /** Left out: the tool takes no parameters. */
  readonly parameters?: Schema.Codec<P, unknown>
  readonly success: Schema.Codec<S, unknown>
  /** Left out: `allow`. */
  readonly permission?: ToolPermission
  readonly source?: string
  readonly timeoutMs?: number
  readonly handle: (parameters: P) => Effect.Effect<S, ToolFailed, R>
  /** Returns the result as events and the history show it, without secrets. Left out: they show the whole result. */
  readonly shown?: (result: S, parameters: P) => S
}): AgentTool<Exclude<R, CurrentToolCall>> => {
  const { handle, parameters, shown, success, ...rest } = tool
  // Without parameters, P has no fields. Models then send `{}` or nothing.
  const decode = parameters === undefined ? () => Effect.succeed({} as P) : Schema.decodeUnknownEffect(parameters)
  const encode = Schema.encodeEffect(success)
  let schema: JsonSchema.JsonSchema | undefined
  return {
    ...DEFAULTS,
    ...rest,
    parameters: () => (schema ??= parameters === undefined ? NO_PARAMETERS : toJsonSchema(parameters)),
    run: Effect.fnUntraced(function* (input) {
      const decoded = yield* Effect.mapError(decode(input), ({ message }) => invalidInput(tool.name, message))
      const result = yield* handle(decoded)
      const text = textOrJson(yield* Effect.orDie(encode(result)))
      return shown === undefined
        ? text
        : { text, shown: textOrJson(yield* Effect.orDie(encode(shown(result, decoded)))) }
      // Every R is CurrentToolCall or one of the others.
    }) as AgentTool<Exclude<R, CurrentToolCall>>["run"],
  }
}

const invalidInput = (name: string, issue: string) =>
  new ToolFailed({
    message: `The input of "${name}" does not match its schema: ${shortened(issue, ISSUE_CHARS)}. Correct it and call the tool again.`,
  })

const toJsonSchema = (schema: Schema.Constraint): JsonSchema.JsonSchema => {
  const { definitions, schema: json } = Schema.toJsonSchemaDocument(schema)
  return Object.keys(definitions).length === 0 ? json : { ...json, $defs: definitions }
}
