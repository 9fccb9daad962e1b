/**
 * AgentUpdates: the schemas of the `session/update` notifications that the gateway reads. They ask for less than the
 * protocol, because agents add kinds and fields. AgentOutput and AgentConnection use them.
 */
import * as Schema from "effect/Schema"

/** Agents send `null` for a missing field too. */
export const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

const ContentBlock = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  name: maybe(Schema.String),
  uri: maybe(Schema.String),
  /** The content of an image or a sound in base64. */
  data: maybe(Schema.String),
  mimeType: maybe(Schema.String),
  resource: maybe(
    Schema.Struct({
      uri: maybe(Schema.String),
      text: maybe(Schema.String),
      /** The content in base64. */
      blob: maybe(Schema.String),
      mimeType: maybe(Schema.String),
    }),
  ),
})
export type ContentBlock = typeof ContentBlock.Type

const ToolContent = Schema.Struct({
  type: Schema.String,
  content: maybe(ContentBlock),
  path: maybe(Schema.String),
  oldText: maybe(Schema.String),
  newText: maybe(Schema.String),
})
export type ToolContent = typeof ToolContent.Type

/** The fields of a tool call. An update has the changed ones only. */
const toolCall = {
  toolCallId: Schema.String,
  title: maybe(Schema.String),
  name: maybe(Schema.String),
  kind: maybe(Schema.String),
  status: maybe(Schema.String),
  content: maybe(Schema.Array(ToolContent)),
  locations: maybe(Schema.Array(Schema.Struct({ path: Schema.String }))),
  rawInput: Schema.optional(Schema.Unknown),
  rawOutput: Schema.optional(Schema.Unknown),
}

/** The tool call of a permission request. */
export const AgentToolCall = Schema.Struct(toolCall)
export type AgentToolCall = typeof AgentToolCall.Type

const chunk = { content: ContentBlock, messageId: maybe(Schema.String) }

const PlanEntry = Schema.Struct({ content: Schema.String, status: maybe(Schema.String) })
export type PlanEntry = typeof PlanEntry.Type

/** A setting that the agent offers, such as its model. */
export const ConfigOption = Schema.Struct({
  id: Schema.String,
  category: maybe(Schema.String),
  currentValue: Schema.optional(Schema.Unknown),
  options: maybe(
    Schema.Array(
      Schema.Struct({
        value: maybe(Schema.String),
        name: maybe(Schema.String),
        /** A group of options. */
        options: maybe(Schema.Array(Schema.Struct({ value: Schema.String, name: maybe(Schema.String) }))),
      }),
    ),
  ),
})
export type ConfigOption = typeof ConfigOption.Type

/** The choice of models of agents whose version of ACP has no setting for it. */
export const ModelState = Schema.Struct({
  availableModels: Schema.Array(Schema.Struct({ modelId: Schema.String, name: maybe(Schema.String) })),
  currentModelId: maybe(Schema.String),
})
export type ModelState = typeof ModelState.Type

export const AgentUpdate = Schema.Union([
  Schema.Struct({ sessionUpdate: Schema.Literals(["agent_message_chunk", "agent_thought_chunk"]), ...chunk }),
  Schema.Struct({ sessionUpdate: Schema.Literals(["tool_call", "tool_call_update"]), ...toolCall }),
  Schema.Struct({ sessionUpdate: Schema.Literal("plan"), entries: Schema.Array(PlanEntry) }),
  Schema.Struct({ sessionUpdate: Schema.Literal("usage_update"), used: Schema.Finite }),
  Schema.Struct({ sessionUpdate: Schema.Literal("config_option_update"), configOptions: Schema.Array(ConfigOption) }),
])
export type AgentUpdate = typeof AgentUpdate.Type

/** The parameters of `session/update`. */
export const UpdateParams = Schema.Struct({ sessionId: Schema.String, update: Schema.Unknown })
