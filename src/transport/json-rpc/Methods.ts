/**
 * The methods of the JSON-RPC gateway that this dialect descends from, in its own names and shapes, each made of the
 * contract's. The contract itself is here too: under its own names where they are free, and always as `gateway.*`.
 */
import * as Schema from "effect/Schema"
import { DmScope, normalizeAgentId } from "../../domain/Agent.ts"
import { describe, MatchKey, Tier } from "../../domain/Binding.ts"
import { contractMethods, type Method, own } from "../DialectMethods.ts"
import { ask, failed, type Inquiry, known, map, type Result } from "../Inquiry.ts"

/** Left out or null, as clients have it whose language has no "left out". */
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

type Given<A> = { readonly [K in keyof A]?: NonNullable<A[K]> }

/** The fields that were given. */
const given = <A extends object>(fields: A): Given<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as Given<A>

/** An empty text stands for nothing. */
const filled = (text: string | null | undefined): string | undefined =>
  text === null || text === "" ? undefined : text

const textRequired = failed({ _tag: "Domain", error: { _tag: "TextRequired", message: "text is required" } })

/** The longest that one `runs.wait` waits; then it is asked again. */
const WAIT_MS = 600_000

const replyOf = (runId: string): Inquiry<string> =>
  ask("runs.wait", { runId, timeoutMs: WAIT_MS }, ({ error, reply, state }) =>
    state === "queued" || state === "running" ? replyOf(runId) : known(reply ?? error?.message ?? ""),
  )

const send = own(
  Schema.Struct({
    text: optional(Schema.String),
    channel: optional(Schema.String),
    peer_id: optional(Schema.String),
    agent_id: optional(Schema.String),
    account_id: optional(Schema.String),
    guild_id: optional(Schema.String),
  }),
  ({ account_id, agent_id, channel, guild_id, peer_id, text }) => {
    const said = filled(text)
    if (said === undefined) return textRequired
    const route = given({
      agentId: filled(agent_id),
      channel: filled(channel) ?? "websocket",
      peerId: filled(peer_id) ?? "ws-client",
      accountId: filled(account_id),
      guildId: filled(guild_id),
    })
    return ask("chat.send", { text: said, ...route }, ({ agentId, runId, sessionKey }) =>
      map(replyOf(runId), (reply) => ({ agent_id: agentId, session_key: sessionKey, reply })),
    )
  },
)

type BindingRow = Result<"bindings.set">

const listBindings = own(Schema.Struct({}), () =>
  ask("bindings.list", {}, ({ bindings }) => known(bindings.map(bindingRow))),
)

const bindingRow = ({ agentId, matchKey, matchValue, priority, tier }: BindingRow) => ({
  agent_id: agentId,
  tier,
  match_key: matchKey,
  match_value: matchValue,
  priority,
})

const setBinding = own(
  Schema.Struct({
    agent_id: Schema.NonEmptyString,
    tier: optional(Tier),
    match_key: optional(MatchKey),
    match_value: optional(Schema.String),
    priority: optional(Schema.Int),
  }),
  ({ agent_id, match_key, match_value, priority, tier }) =>
    ask(
      "bindings.set",
      { agentId: agent_id, ...given({ tier, priority, matchKey: match_key, matchValue: match_value }) },
      (binding) => known({ ok: true, binding: describe(binding) }),
    ),
)

const removeBinding = own(
  Schema.Struct({ agent_id: Schema.NonEmptyString, match_key: MatchKey, match_value: Schema.String }),
  ({ agent_id, match_key, match_value }) =>
    ask("bindings.remove", { agentId: agent_id, matchKey: match_key, matchValue: match_value }, ({ removed }) =>
      known({ ok: removed }),
    ),
)

const agentRow = ({ dmScope, id, model, name, personality }: Result<"agents.get">) => ({
  id,
  name,
  model,
  dm_scope: dmScope,
  personality,
})

const listAgents = own(Schema.Struct({}), () => ask("agents.list", {}, ({ agents }) => known(agents.map(agentRow))))

/** Registering what is there changes it: clients register their agents whenever they start. */
const registerAgent = own(
  Schema.Struct({
    id: Schema.NonEmptyString,
    name: Schema.NonEmptyString,
    personality: optional(Schema.String),
    model: optional(Schema.String),
    dm_scope: optional(DmScope),
  }),
  ({ dm_scope, id, model, name, personality }) => {
    const agent = { id, name, ...given({ personality, model, dmScope: dm_scope }) }
    const row = (agent: Result<"agents.get">) => known(agentRow(agent))
    return ask("agents.create", agent, row, (fault) =>
      fault._tag === "Domain" && fault.error._tag === "AgentExists" ? ask("agents.update", agent, row) : failed(fault),
    )
  },
)

const PAGE = 200

/** By key, so that a session that is used meanwhile stays in its place. */
const countMessages = (
  prefix: string,
  counts: ReadonlyArray<readonly [string, number]> = [],
  cursor?: string,
): Inquiry<unknown> =>
  ask("sessions.list", { sortBy: "key", order: "asc", limit: PAGE, ...given({ cursor }) }, (page) => {
    const all = [
      ...counts,
      ...page.sessions
        .filter(({ key }) => key.startsWith(prefix))
        .map(({ key, messageCount }) => [key, messageCount] as const),
    ]
    return page.nextCursor === null ? known(Object.fromEntries(all)) : countMessages(prefix, all, page.nextCursor)
  })

const listSessions = own(Schema.Struct({ agent_id: optional(Schema.String) }), ({ agent_id }) => {
  const agentId = filled(agent_id)
  return countMessages(agentId === undefined ? "" : `agent:${normalizeAgentId(agentId)}:`)
})

/** In the words of both gateways that clients know. */
const status = own(Schema.Struct({}), () =>
  ask("status", {}, ({ agents, bindings, connections, uptimeMs }) => {
    const uptime = Math.round(uptimeMs / 100) / 10
    return known({
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
)

/** The name of the contract's method in this dialect, whatever its own methods are called. */
const PREFIX = "gateway."

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
])
