/**
 * Methods: the methods of the JSON-RPC dialect. Some have the names and shapes of the gateway from which the dialect
 * descends, and call the contract. Every method of the contract is also here: as `gateway.*`, and by its own name if
 * that is free. JsonRpc.ts and OpenRpc.ts use the table.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DmScope, normalizeAgentId } from "../../domain/Agent.ts"
import { AttachmentUpload, UPLOADS } from "../../domain/Attachment.ts"
import { describe, MatchKey, Tier } from "../../domain/Binding.ts"
import {
  ID_CHARS,
  INSTRUCTION_CHARS,
  list,
  MESSAGE_CHARS,
  Name,
  NAME_CHARS,
  RoutePart,
  text,
} from "../../domain/Bounds.ts"
import { contractMethods, type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import { filled, given, maybe } from "../dialect/Params.ts"
import { awaitRun, findSessions } from "../dialect/Queries.ts"
import { call, catchError, fail, type Query, type Result } from "../dialect/Query.ts"
import { type Json, onlyRequired } from "../dialect/JsonSchemas.ts"
import { openRpc } from "./OpenRpc.ts"

/** The error of a `send` without a text. Clients expect its message. */
const textRequired = fail({ _tag: "Domain", error: { _tag: "TextRequired", message: "text is required" } })

const send = dialectMethod(
  Schema.Struct({
    text: maybe(text(MESSAGE_CHARS)),
    channel: maybe(RoutePart),
    peer_id: maybe(RoutePart),
    agent_id: maybe(text(NAME_CHARS)),
    account_id: maybe(RoutePart),
    guild_id: maybe(RoutePart),
    attachments: maybe(list(AttachmentUpload, UPLOADS)),
  }),
  ({ account_id, agent_id, attachments, channel, guild_id, peer_id, text }) =>
    Effect.gen(function* () {
      const hasFiles = attachments != null && attachments.length > 0
      if (filled(text) === undefined && !hasFiles) return yield* textRequired
      const { agentId, runId, sessionKey } = yield* call("chat.send", {
        text: text ?? "",
        ...(hasFiles && { attachments }),
        ...given({
          agentId: filled(agent_id),
          // Only a missing channel or peer has a default. An empty peer means no peer: the main session.
          channel: channel ?? "websocket",
          peerId: peer_id ?? "ws-client",
          accountId: filled(account_id),
          guildId: filled(guild_id),
        }),
      })
      const { error, reply } = yield* awaitRun(runId)
      return { agent_id: agentId, session_key: sessionKey, reply: reply ?? error?.message ?? "" }
    }),
  {
    summary: "Sends a message and returns the reply. Bindings choose the agent unless the call names one.",
    result: Schema.Struct({ agent_id: Schema.String, session_key: Schema.String, reply: Schema.String }),
    // Optional in the schema, because a missing text has an error of its own.
    positional: "text",
  },
)

const BindingRow = Schema.Struct({
  agent_id: Schema.String,
  tier: Tier,
  match_key: MatchKey,
  match_value: Schema.String,
  priority: Schema.Int,
})

const listBindings = dialectMethod(
  Schema.Struct({}),
  () => Effect.map(call("bindings.list", {}), ({ bindings }) => bindings.map(bindingRow)),
  { summary: "Lists all bindings in order of precedence.", result: Schema.Array(BindingRow) },
)

const bindingRow = ({ agentId, matchKey, matchValue, priority, tier }: Result<"bindings.set">) => ({
  agent_id: agentId,
  tier,
  match_key: matchKey,
  match_value: matchValue,
  priority,
})

const setBinding = dialectMethod(
  Schema.Struct({
    agent_id: Name,
    tier: maybe(Tier),
    match_key: maybe(MatchKey),
    match_value: maybe(text(ID_CHARS)),
    priority: maybe(Schema.Int),
  }),
  ({ agent_id, match_key, match_value, priority, tier }) =>
    Effect.map(
      call("bindings.set", {
        agentId: agent_id,
        ...given({ tier, priority, matchKey: match_key, matchValue: match_value }),
      }),
      (binding) => ({ ok: true, binding: describe(binding) }),
    ),
  {
    summary: "Creates a binding, or replaces the one with the same agent, key and value.",
    result: Schema.Struct({ ok: Schema.Boolean, binding: Schema.String }),
  },
)

const removeBinding = dialectMethod(
  Schema.Struct({ agent_id: Name, match_key: MatchKey, match_value: text(ID_CHARS) }),
  ({ agent_id, match_key, match_value }) =>
    Effect.map(
      call("bindings.remove", { agentId: agent_id, matchKey: match_key, matchValue: match_value }),
      ({ removed }) => ({ ok: removed }),
    ),
  { summary: "Removes a binding. Returns whether it existed.", result: Schema.Struct({ ok: Schema.Boolean }) },
)

const agentRow = ({ dmScope, id, model, name, personality }: Result<"agents.get">) => ({
  id,
  name,
  model,
  dm_scope: dmScope,
  personality,
})

const AgentRow = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  model: Schema.String,
  dm_scope: DmScope,
  personality: Schema.String,
})

const listAgents = dialectMethod(
  Schema.Struct({}),
  () => Effect.map(call("agents.list", {}), ({ agents }) => agents.map(agentRow)),
  {
    summary: "Lists all agents.",
    result: Schema.Array(AgentRow),
  },
)

/** Changes an agent that exists, because clients register their agents whenever they start. */
const registerAgent = dialectMethod(
  Schema.Struct({
    id: Name,
    name: Name,
    personality: maybe(text(INSTRUCTION_CHARS)),
    model: maybe(text(NAME_CHARS)),
    dm_scope: maybe(DmScope),
  }),
  ({ dm_scope, id, model, name, personality }) => {
    const agent = { id, name, ...given({ personality, model, dmScope: dm_scope }) }
    const registered = catchError(call("agents.create", agent), "AgentExists", () => call("agents.update", agent))
    return Effect.map(registered, agentRow)
  },
  { summary: "Creates an agent, or changes the one with the same id.", result: AgentRow },
)

/**
 * Counts the messages of each session whose key has the prefix. It counts the history and not the transcript: clients
 * expect that a failed run takes its user's message back. The order by key is stable while sessions change.
 */
const countMessages = (prefix: string): Query<Readonly<Record<string, number>>> =>
  Effect.map(findSessions({ sortBy: "key", order: "asc" }), ({ sessions }) =>
    Object.fromEntries(
      sessions.filter(({ key }) => key.startsWith(prefix)).map(({ historyCount, key }) => [key, historyCount]),
    ),
  )

const listSessions = dialectMethod(
  Schema.Struct({ agent_id: maybe(text(NAME_CHARS)) }),
  ({ agent_id }) => {
    const agentId = filled(agent_id)
    return countMessages(agentId === undefined ? "" : `agent:${normalizeAgentId(agentId)}:`)
  },
  {
    summary: "Returns the number of messages in each session, or in each session of one agent.",
    result: Schema.Record(Schema.String, Schema.Int),
  },
)

/** Has the fields of both gateways whose clients use this dialect. */
const status = dialectMethod(
  Schema.Struct({}),
  () =>
    Effect.map(call("status", {}), ({ agents, bindings, connections, uptimeMs }) => {
      const uptime = Math.round(uptimeMs / 100) / 10
      return {
        uptime,
        clients: connections,
        agents,
        running: true,
        uptime_seconds: uptime,
        connected_clients: connections,
        agent_count: agents,
        binding_count: bindings,
      }
    }),
  {
    summary: "Returns the uptime in seconds and the number of clients, agents and bindings.",
    result: Schema.Struct({
      uptime: Schema.Finite,
      clients: Schema.Int,
      agents: Schema.Int,
      running: Schema.Boolean,
      uptime_seconds: Schema.Finite,
      connected_clients: Schema.Int,
      agent_count: Schema.Int,
      binding_count: Schema.Int,
    }),
  },
)

/** A name with this prefix always means the contract's method. */
const PREFIX = "gateway."

/** The gateway makes the document at the first call, because most gateways get no such call. */
let document: Query<Json> | undefined

const discover = dialectMethod(Schema.Struct({}), () => (document ??= Effect.succeed(openRpc(methods, PREFIX))), {
  summary: "Returns this document.",
  result: Schema.Record(Schema.String, Schema.Unknown),
})

export const methods: ReadonlyMap<string, Method> = new Map([
  ...Array.from(contractMethods, ([name, method]): [string, Method] => [PREFIX + name, method]),
  ...contractMethods,
  ["send", send],
  ["bindings.list", listBindings],
  ["bindings.set", setBinding],
  ["bindings.remove", removeBinding],
  ["agents.list", listAgents],
  ["agents.register", registerAgent],
  ["sessions.list", listSessions],
  ["status", status],
  ["rpc.discover", discover],
])

/** Returns the parameter that clients may give by position, or `undefined` if the method has no such parameter. */
export const positionalOf = (method: Method): string | undefined => {
  switch (method._tag) {
    case "Contract":
      return onlyRequired(method.codec.rpc.payloadSchema)
    case "Own":
      return method.about?.positional ?? onlyRequired(method.params)
    case "Subscribe":
      return undefined
    case "Unsubscribe":
      return "subscription"
  }
}
