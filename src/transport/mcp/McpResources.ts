/**
 * McpResources: the resources of the gateway's MCP server: transcripts of sessions and documents of the memory.
 * McpEndpoint.ts registers them.
 */
import * as McpSchema from "effect/ai/McpSchema"
import * as McpServer from "effect/ai/McpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { call, type Query } from "../dialect/Query.ts"
import { ofFault } from "./McpErrors.ts"

/** Messages of a transcript. */
const MESSAGES = 200

const contents = (uri: string, mimeType: string, text: Query<string>) =>
  text.pipe(
    Effect.map((text) => ({ contents: [{ uri, mimeType, text }] })),
    Effect.mapError(ofFault),
  )

const transcripts = McpServer.resource`causeway://sessions/${McpSchema.param("key", Schema.String)}`({
  name: "The transcript of a session",
  description: `The newest ${MESSAGES} messages. Percent-encode the key of the session.`,
  mimeType: "text/plain",
  content: (uri: string, key: string) =>
    contents(
      uri,
      "text/plain",
      Effect.map(call("sessions.history", { key, limit: MESSAGES }), ({ messages }) =>
        messages.map(({ role, text }) => `${role}: ${text}`).join("\n\n"),
      ),
    ),
})

const documents = McpServer.resource`causeway://memory/${McpSchema.param("id", Schema.String)}`({
  name: "A document that the agents share",
  description: "Percent-encode the id of the document.",
  mimeType: "text/markdown",
  content: (uri: string, id: string) =>
    contents(
      uri,
      "text/markdown",
      Effect.map(call("memory.read", { id }), ({ content }) => content),
    ),
})

export const resources = Layer.merge(transcripts, documents)
