/**
 * McpTools: the tools of the gateway's MCP server. Each one calls methods of the contract with the rights of the client.
 * McpEndpoint.ts registers them.
 */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Run } from "../../domain/Run.ts"
import { call, Contract, type Query } from "../dialect/Query.ts"
import { McpFailure, ofFault } from "./McpErrors.ts"

/** Longest time that a client may wait for a reply, in seconds. */
const MAX_WAIT = 600
/** Clients of the official SDK give up after 60 seconds. */
const DEFAULT_WAIT = 50

/** Sessions of a page. */
const PAGE = 50

const described = <S extends Schema.Constraint>(schema: S, description: string) =>
  Schema.optionalKey(schema).annotateKey({ description })

const Text = (description: string) => Schema.String.annotateKey({ description })

const calling = { failure: McpFailure, dependencies: [Contract] }

const agentsList = Tool.make("agents_list", {
  ...calling,
  description: "Lists the agents of the gateway, with their ids.",
  success: Schema.Struct({
    agents: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, model: Schema.String })),
  }),
})

const sessionsList = Tool.make("sessions_list", {
  ...calling,
  description: "Lists sessions (conversations with agents), the newest first.",
  parameters: Schema.Struct({
    agentId: described(Schema.String, "Only sessions of this agent."),
    search: described(Schema.String, "A part of the key, the name, the label or the newest message."),
    limit: described(Schema.Int, "Sessions at most, 50 by default."),
    cursor: described(Schema.String, "nextCursor of the page before."),
  }),
  success: Schema.Struct({
    sessions: Schema.Array(
      Schema.Struct({
        key: Schema.String,
        agentId: Schema.String,
        name: Schema.String,
        messages: Schema.Int,
        lastMessage: Schema.NullOr(Schema.String),
        updatedAt: Schema.String,
      }),
    ),
    nextCursor: Schema.NullOr(Schema.String),
  }),
})

const sessionsHistory = Tool.make("sessions_history", {
  ...calling,
  description: "Returns the newest messages of a session, oldest first.",
  parameters: Schema.Struct({
    sessionKey: Text("The key of the session."),
    limit: described(Schema.Int, "Messages at most, 50 by default."),
    before: described(Schema.Int, "Only messages with a smaller id, to page backwards."),
  }),
  success: Schema.Struct({
    messages: Schema.Array(
      Schema.Struct({ id: Schema.Int, role: Schema.String, text: Schema.String, at: Schema.String }),
    ),
    nextBefore: Schema.NullOr(Schema.Int),
  }),
})

const sessionsSend = Tool.make("sessions_send", {
  ...calling,
  description: "Sends a message to an agent and waits for its reply.",
  parameters: Schema.Struct({
    text: Text("The message."),
    sessionKey: described(Schema.String, "The session. Left out: the main session of the agent."),
    agentId: described(Schema.String, "The agent. Left out: the agent of the session, or `main`."),
    waitSeconds: described(
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: MAX_WAIT })),
      "How long to wait, 50 by default. The run goes on afterwards: read the history later.",
    ),
  }),
  success: Schema.Struct({
    sessionKey: Schema.String,
    runId: Schema.String,
    state: Schema.String,
    reply: Schema.NullOr(Schema.String),
    error: Schema.NullOr(Schema.String),
  }),
})

const memoryList = Tool.make("memory_list", {
  ...calling,
  description: "Lists the documents that the agents share, the newest first.",
  success: Schema.Struct({
    documents: Schema.Array(Schema.Struct({ id: Schema.String, size: Schema.Int, modifiedAt: Schema.String })),
  }),
})

const memoryRead = Tool.make("memory_read", {
  ...calling,
  description: "Returns a document that the agents share.",
  parameters: Schema.Struct({ id: Text("The id of the document, such as `notes` for notes.md.") }),
  success: Schema.Struct({ id: Schema.String, content: Schema.String }),
})

const memoryWrite = Tool.make("memory_write", {
  ...calling,
  description: "Creates or replaces a document that the agents share.",
  parameters: Schema.Struct({
    id: Text("The id of the document, such as `notes` for notes.md."),
    content: Text("The whole new content, in Markdown."),
  }),
  success: Schema.Struct({ id: Schema.String, size: Schema.Int }),
})

const reading = <T extends Tool.Any>(tool: T): T =>
  // `annotate` keeps the type of the tool, but its declaration does not say so.
  (tool as Tool.Any).annotate(Tool.Readonly, true).annotate(Tool.Destructive, false) as T

export const kit = Toolkit.make(
  reading(agentsList),
  reading(sessionsList),
  reading(sessionsHistory),
  sessionsSend,
  reading(memoryList),
  reading(memoryRead),
  memoryWrite,
)

const answer = <A>(query: Query<A>): Effect.Effect<A, McpFailure, Contract> => Effect.mapError(query, ofFault)

const timeOf = (at: number): string => new Date(at).toISOString()

const isOpen = ({ state }: Pick<Run, "state">): boolean => state === "queued" || state === "running"

export const handlers = kit.toLayer({
  agents_list: () =>
    Effect.map(answer(call("agents.list", {})), ({ agents }) => ({
      agents: agents.map(({ id, model, name }) => ({ id, model, name })),
    })),
  sessions_list: (query) =>
    Effect.map(
      answer(call("sessions.list", { limit: PAGE, ...query, sortBy: "updatedAt", order: "desc" })),
      ({ nextCursor, sessions }) => ({
        sessions: sessions.map(({ agentId, displayName, key, lastMessage, messageCount, updatedAt }) => ({
          key,
          agentId,
          name: displayName,
          messages: messageCount,
          lastMessage,
          updatedAt: timeOf(updatedAt),
        })),
        nextCursor,
      }),
    ),
  sessions_history: ({ sessionKey, ...page }) =>
    Effect.map(answer(call("sessions.history", { key: sessionKey, ...page })), ({ messages, nextBefore }) => ({
      messages: messages.map(({ at, id, role, text }) => ({ id, role, text, at: timeOf(at) })),
      nextBefore,
    })),
  sessions_send: ({ waitSeconds = DEFAULT_WAIT, ...send }) =>
    answer(
      Effect.gen(function* () {
        const { runId, sessionKey } = yield* call("chat.send", { ...send, commands: false })
        const run = yield* call("runs.wait", { runId, timeoutMs: waitSeconds * 1_000 })
        const { error, reply = null, state } = run
        const lacking = isOpen(run) ? "the run goes on: read the history later" : null
        return { sessionKey, runId, state, reply, error: error?.message ?? lacking }
      }),
    ),
  memory_list: () =>
    Effect.map(answer(call("memory.list", {})), ({ documents }) => ({
      documents: documents.map(({ id, modifiedAt, size }) => ({ id, size, modifiedAt: timeOf(modifiedAt) })),
    })),
  memory_read: ({ id }) => Effect.map(answer(call("memory.read", { id })), ({ content, id }) => ({ id, content })),
  memory_write: (document) => Effect.map(answer(call("memory.write", document)), ({ id, size }) => ({ id, size })),
})
