/**
 * Catalogs: lists of what this gateway does not have, or not yet, in the exact form in which clients read them. A client
 * that finds a list empty shows that there is nothing; one that finds no list shows an error. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import { type Method, dialectMethod } from "../../dialect/DialectMethod.ts"
import { fail, type Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed } from "../../dialect/Params.ts"
import { id, name, Nothing } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

const command = (name: string, category: string, description: string, acceptsArgs: boolean) => ({
  name,
  nativeName: name,
  textAliases: [`/${name}`],
  description,
  category,
  source: "native",
  scope: "both",
  acceptsArgs,
})

/** The commands of domain/ChatCommand.ts, as messages that clients offer. */
export const commands: ReadonlyArray<unknown> = [
  command("status", "status", "Show how the session stands.", false),
  command("stop", "session", "Stop the current run.", false),
  command("reset", "session", "Empty the session.", true),
  command("new", "session", "Empty the session and begin a new conversation.", true),
]

const OfAgent = Schema.Struct({ agentId: name })

const always = (value: unknown): Method => dialectMethod(Nothing, () => Effect.succeed(value))

const at = (value: (ts: number) => unknown): Method =>
  dialectMethod(Nothing, (): Query<unknown> => Effect.map(now(), value))

const ofAgent = (value: (agentId: string) => unknown): Method =>
  dialectMethod(OfAgent, ({ agentId }) => Effect.succeed(value(trimmed(agentId) ?? MAIN_AGENT)))

const channels = (ts: number) => ({
  ts,
  channelOrder: [],
  channelLabels: {},
  channelDetailLabels: {},
  channelSystemImages: {},
  channelMeta: [],
  channels: {},
  channelAccounts: {},
  channelDefaultAccountId: {},
})

/** Of the recorder that command lines show for support: it has recorded nothing. */
const stability = (at: number) => ({
  generatedAt: new Date(at).toISOString(),
  capacity: 0,
  count: 0,
  dropped: 0,
  events: [],
  summary: { byType: {} },
})

const cronList = {
  jobs: [],
  // Of the list as it is: clients page through one revision, and this one never changes.
  snapshotRevision: "empty",
  total: 0,
  offset: 0,
  limit: 50,
  hasMore: false,
  nextOffset: null,
  deliveryPreviews: {},
}

const cronStatus = {
  enabled: false,
  triggersEnabled: false,
  storePath: "",
  storage: "none",
  jobs: 0,
  nextWakeAtMs: null,
}

const toolProfiles = [{ id: "full", label: "Full" }]

/** No channel delivers messages here yet: who names one is told so, as by a gateway that has not got it. */
const send = dialectMethod(Schema.Struct({ channel: id }), ({ channel }) =>
  fail({
    _tag: "Domain",
    error: { _tag: "ChannelUnavailable", message: `unsupported channel: ${trimmed(channel) ?? "none is configured"}` },
  }),
)

/** Answered for the clients that call them whatever they were told, and not advertised. */
export const unadvertisedMethods: ReadonlyArray<Row> = [
  ["send", "operator.write", send],
  // A sign of life with a text for an agent's next heartbeat, of which there is none.
  ["system-event", "operator.admin", always({ ok: true })],
]

export const catalogMethods: ReadonlyArray<Row> = [
  ["channels.status", "operator.read", at(channels)],
  ["commands.list", "operator.read", always({ commands })],
  ["diagnostics.stability", "operator.read", at(stability)],
  ["cron.list", "operator.read", always(cronList)],
  ["cron.status", "operator.read", always(cronStatus)],
  ["last-heartbeat", "operator.read", always(null)],
  ["exec.approval.list", "operator.approvals", always([])],
  ["plugin.approval.list", "operator.approvals", always([])],
  ["question.list", "operator.questions", always({ questions: [] })],
  [
    "skills.status",
    "operator.read",
    ofAgent((agentId) => ({ workspaceDir: "", managedSkillsDir: "", agentId, skills: [] })),
  ],
  ["tools.catalog", "operator.read", ofAgent((agentId) => ({ agentId, profiles: toolProfiles, groups: [] }))],
]
