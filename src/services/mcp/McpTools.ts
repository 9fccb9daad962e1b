/**
 * McpTools: makes tools of the gateway from the tools of an MCP server. McpServers adds them to the registry.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { McpClient } from "effect/ai/McpClient"
import type { CallToolResult, Tool as McpTool } from "effect/ai/McpSchema"
import type { McpServerSettings } from "../../domain/McpServer.ts"
import { UPLOAD_NAME_CHARS } from "../../domain/Attachment.ts"
import { NAME_CHARS } from "../../domain/Bounds.ts"
import { cut, shortened } from "../../domain/Text.ts"
import { toolNameOf } from "../../domain/Tool.ts"
import { type AgentTool, ToolFailed, type ToolFile } from "../tools/AgentTool.ts"

/** Tools of one server. Each costs tokens at every step of a run. */
export const MAX_TOOLS = 256

const DESCRIPTION_CHARS = 4_096

/** Characters of the JSON of an input schema. */
const SCHEMA_CHARS = 65_536

/** Returns the name in the registry: `<server>_<tool>`, with `_` for characters that model providers refuse. */
export const nameOf = (server: string, tool: string): string => toolNameOf(`${server}_${tool}`)

/** Returns the source of the server's tools. */
export const sourceOf = (server: string): string => `mcp/${server}`

/** Returns the tool, or `undefined` if its schema is too large. `explain` turns an error of the client into a sentence. */
export const toAgentTool = (
  server: string,
  tool: McpTool,
  client: McpClient,
  { permission, timeoutMs }: McpServerSettings,
  explain: (error: unknown) => string,
): AgentTool | undefined => {
  const schema = { ...tool.inputSchema }
  if (JSON.stringify(schema).length > SCHEMA_CHARS) return undefined
  return {
    name: nameOf(server, tool.name),
    description: shortened((tool.description ?? tool.title ?? tool.name).toWellFormed(), DESCRIPTION_CHARS),
    source: sourceOf(server),
    permission,
    timeoutMs,
    parameters: () => schema,
    run: Effect.fnUntraced(function* (input) {
      if (input !== undefined && !Predicate.isReadonlyObject(input)) {
        return yield* new ToolFailed({
          message: "The input must be a JSON object. Correct it and call the tool again.",
        })
      }
      const result = yield* Effect.mapError(
        client.callTool({ tool, arguments: { ...input } }),
        (error) => new ToolFailed({ message: `The MCP server "${server}": ${explain(error)}` }),
      )
      const text = textOf(result)
      if (result.isError === true) return yield* new ToolFailed({ message: text || "The tool failed." })
      return { text, files: filesOf(result) }
    }),
  }
}

/** Returns the images, sounds and binary resources of a result. */
const filesOf = ({ content }: CallToolResult): ReadonlyArray<ToolFile> =>
  content.flatMap((block): ReadonlyArray<ToolFile> => {
    if (block.type === "image" || block.type === "audio") return [{ type: typeOf(block.mimeType), bytes: block.data }]
    if (block.type !== "resource" || !("blob" in block.resource)) return []
    const { blob, mimeType, uri } = block.resource
    return [
      { name: cut(uri, UPLOAD_NAME_CHARS), bytes: blob, ...(mimeType !== undefined && { type: typeOf(mimeType) }) },
    ]
  })

const typeOf = (mimeType: string): string => cut(mimeType, NAME_CHARS)

/** Returns the texts of a result. Images and sounds are named, since the model reads text. */
const textOf = ({ content, structuredContent }: CallToolResult): string => {
  const parts = content.map((block) => {
    switch (block.type) {
      case "text":
        return block.text
      case "resource_link":
        return `${block.title ?? block.name}: ${block.uri}`
      case "resource":
        return "text" in block.resource ? block.resource.text : `[binary resource ${block.resource.uri}]`
      default:
        return `[${block.type} ${block.mimeType}]`
    }
  })
  return parts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : parts.join("\n")
}
