/**
 * Catalogs: the methods of features that this gateway does not have. Most return an empty list in the form that clients
 * read. Clients show an empty list as such, and an unknown method as an error.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import { COMMANDS } from "../../../domain/ChatCommand.ts"
import { type Method, dialectMethod } from "../../dialect/DialectMethod.ts"
import { fail } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed } from "../../dialect/Params.ts"
import { id, name, NoParams } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

/** The commands of the gateway. Clients offer them as messages. */
export const commands: ReadonlyArray<unknown> = COMMANDS.map(({ argument, category, description, name }) => ({
  name,
  nativeName: name,
  textAliases: [`/${name}`],
  description,
  category,
  source: "native",
  scope: "both",
  acceptsArgs: argument !== "",
}))

const OfAgent = Schema.Struct({ agentId: name })

const constant = (value: unknown): Method => dialectMethod(NoParams, () => Effect.succeed(value))

const atTime = (value: (ts: number) => unknown): Method => dialectMethod(NoParams, () => Effect.map(now(), value))

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

/** The records of a recorder that command lines print for support. The gateway has no such recorder. */
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
  // Clients page through one revision of the list. This list never changes.
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

/** Fails like a gateway without the channel: no channel delivers messages here. */
const send = dialectMethod(Schema.Struct({ channel: id }), ({ channel }) =>
  fail({
    _tag: "Domain",
    error: { _tag: "ChannelUnavailable", message: `unsupported channel: ${trimmed(channel) ?? "none is configured"}` },
  }),
)

/** Methods that some clients call although hello-ok does not list them. */
export const unadvertisedMethods: ReadonlyArray<Row> = [
  ["send", "operator.write", send],
  // The text would be for an agent's next heartbeat, and agents have no heartbeats here.
  ["system-event", "operator.admin", constant({ ok: true })],
  // No system agent asks for approvals here. `openclaw approvals pending` fails without the list.
  ["openclaw.approval.list", "operator.approvals", constant([])],
]

export const catalogMethods: ReadonlyArray<Row> = [
  ["channels.status", "operator.read", atTime(channels)],
  ["commands.list", "operator.read", constant({ commands })],
  ["diagnostics.stability", "operator.read", atTime(stability)],
  ["cron.list", "operator.read", constant(cronList)],
  ["cron.status", "operator.read", constant(cronStatus)],
  ["last-heartbeat", "operator.read", constant(null)],
  [
    "skills.status",
    "operator.read",
    ofAgent((agentId) => ({ workspaceDir: "", managedSkillsDir: "", agentId, skills: [] })),
  ],
]
