/**
 * The methods of the JSON-RPC gateway that this dialect descends from, in its own names and shapes, each made of the
 * contract's. The contract itself is here too: under its own names where they are free, and always as `gateway.*`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DmScope, normalizeAgentId } from "../../domain/Agent.ts"
import { describe, MatchKey, Tier } from "../../domain/Binding.ts"
import { ID_CHARS, INSTRUCTION_CHARS, MESSAGE_CHARS, Name, NAME_CHARS, RoutePart, text } from "../../domain/Bounds.ts"
import { contractMethods, type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import { filled, given, maybe } from "../dialect/Params.ts"
import { awaitRun } from "../dialect/Queries.ts"
import { call, fail, type Query, type Result } from "../dialect/Query.ts"
import { type Json, onlyRequired } from "../dialect/JsonSchemas.ts"
import { openRpc } from "./OpenRpc.ts"

const textRequired = fail({ _tag: "Domain", error: { _tag: "TextRequired", message: "text is required" } })

const replyOf = (runId: string): Query<string> =>
  Effect.map(awaitRun(runId), ({ error, reply }) => reply ?? error?.message ?? "")

const send = dialectMethod(
  Schema.Struct({
    text: maybe(text(MESSAGE_CHARS)),
    channel: maybe(RoutePart),
    peer_id: maybe(RoutePart),
    agent_id: maybe(text(NAME_CHARS)),
    account_id: maybe(RoutePart),
    guild_id: maybe(RoutePart),
  }),
  ({ account_id, agent_id, channel, guild_id, peer_id, ...message }) => {
    const said = filled(message.text)
    if (said === undefined) return textRequired
    const route = given({
      agentId: filled(agent_id),
      // Only what is left out has a default. An empty peer is no peer: the message goes to the main session.
      channel: channel ?? "websocket",
      peerId: peer_id ?? "ws-client",
      accountId: filled(account_id),
      guildId: filled(guild_id),
    })
    return Effect.flatMap(call("chat.send", { text: said, ...route }), ({ agentId, runId, sessionKey }) =>
      Effect.map(replyOf(runId), (reply) => ({ agent_id: agentId, session_key: sessionKey, reply })),
    )
  },
  {
    summary: "Sends a message and answers with the reply. Bindings choose the agent, unless one is named.",
    result: Schema.Struct({ agent_id: Schema.String, session_key: Schema.String, reply: Schema.String }),
    // An error of its own says that it is missing.
    positional: "text",
  },
)

type BindingRow = Result<"bindings.set">

const BindingInRow = Schema.Struct({
  agent_id: Schema.String,
  tier: Tier,
  match_key: MatchKey,
  match_value: Schema.String,
  priority: Schema.Int,
})

const listBindings = dialectMethod(
  Schema.Struct({}),
  () => Effect.map(call("bindings.list", {}), ({ bindings }) => bindings.map(bindingRow)),
  { summary: "All bindings, in the order in which they are asked.", result: Schema.Array(BindingInRow) },
)

const bindingRow = ({ agentId, matchKey, matchValue, priority, tier }: BindingRow) => ({
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
    summary: "Makes a binding, or replaces the one with the same agent, key and value.",
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
  { summary: "Removes a binding, and says whether there was one.", result: Schema.Struct({ ok: Schema.Boolean }) },
)

const agentRow = ({ dmScope, id, model, name, personality }: Result<"agents.get">) => ({
  id,
  name,
  model,
  dm_scope: dmScope,
  personality,
})

const AgentInRow = Schema.Struct({
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
    summary: "All agents.",
    result: Schema.Array(AgentInRow),
  },
)

/** Registering what is there changes it: clients register their agents whenever they start. */
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
    const row = (agent: Result<"agents.get">) => Effect.succeed(agentRow(agent))
    return Effect.matchEffect(call("agents.create", agent), {
      onSuccess: row,
      onFailure: (fault) =>
        fault._tag === "Domain" && fault.error._tag === "AgentExists"
          ? Effect.flatMap(call("agents.update", agent), row)
          : fail(fault),
    })
  },
  { summary: "Makes an agent, or changes the one with the same id.", result: AgentInRow },
)

const PAGE = 200

/**
 * Counts the messages that agents are told: clients expect that a failed run takes its user's message back. By key, so
 * that a session that is used meanwhile stays in its place.
 */
const countMessages = (
  prefix: string,
  counts: ReadonlyArray<readonly [string, number]> = [],
  cursor?: string,
): Query<unknown> =>
  Effect.flatMap(call("sessions.list", { sortBy: "key", order: "asc", limit: PAGE, ...given({ cursor }) }), (page) => {
    const all = [
      ...counts,
      ...page.sessions
        .filter(({ key }) => key.startsWith(prefix))
        .map(({ historyCount, key }) => [key, historyCount] as const),
    ]
    return page.nextCursor === null
      ? Effect.succeed(Object.fromEntries(all))
      : countMessages(prefix, all, page.nextCursor)
  })

const listSessions = dialectMethod(
  Schema.Struct({ agent_id: maybe(text(NAME_CHARS)) }),
  ({ agent_id }) => {
    const agentId = filled(agent_id)
    return countMessages(agentId === undefined ? "" : `agent:${normalizeAgentId(agentId)}:`)
  },
  {
    summary: "The number of messages by session, of all sessions or of an agent's.",
    result: Schema.Record(Schema.String, Schema.Int),
  },
)

/** The fields of both gateways that clients know. */
const status = dialectMethod(
  Schema.Struct({}),
  () =>
    Effect.flatMap(call("status", {}), ({ agents, bindings, connections, uptimeMs }) => {
      const uptime = Math.round(uptimeMs / 100) / 10
      return Effect.succeed({
        uptime,
        clients: connections,
        agents,
        running: true,
        uptime_seconds: uptime,
        connected_clients: connections,
        agent_count: agents,
        binding_count: bindings,
      })
    }),
  {
    summary: "How long the gateway has run, in seconds, and how many clients, agents and bindings it has.",
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

/** Before a name, it always means the contract's method. */
const PREFIX = "gateway."

/** The document is made when it is first asked for: most gateways are never asked. */
let document: Query<Json> | undefined

const discover = dialectMethod(Schema.Struct({}), () => (document ??= Effect.succeed(openRpc(methods, PREFIX))), {
  summary: "This document.",
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

/** Returns the parameter that may go by position, if the method has one. */
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
