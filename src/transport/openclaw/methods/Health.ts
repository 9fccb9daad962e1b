/**
 * Health and status: how the gateway is, in the forms that command lines and dashboards print. What this gateway has no
 * part for (channels, plugins, heartbeats, tasks) is told as there being none. Pure.
 */
import * as Effect from "effect/Effect"
import type { Session } from "../../../domain/Session.ts"
import { VERSION } from "../../../domain/Version.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { cached, call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { Nothing } from "../wire/Params.ts"
import { emptyCatalog, modelFor, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { now, openRuns } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"
import { newestSessions, STORE } from "./SessionLists.ts"
import { fullRow } from "./SessionViews.ts"

const RECENT = 5
const RECENT_STATUS = 10

const noHeartbeat = { enabled: false, every: "disabled", everyMs: null }

const none = { sessions: [], total: 0 }

type Newest = { readonly sessions: ReadonlyArray<Session>; readonly total: number }

const recent = ({ key, updatedAt }: Session, at: number) => ({ key, updatedAt, age: Math.max(0, at - updatedAt) })

const storeOf = ({ sessions, total }: Newest, at: number) => ({
  path: STORE,
  count: total,
  recent: sessions.map((session) => recent(session, at)),
})

const healthAgents = ({ agents, defaultId }: AgentCatalog, newest: Newest, at: number) =>
  agents.map(({ id, name }) => ({
    agentId: id,
    name,
    isDefault: id === defaultId,
    heartbeat: { ...noHeartbeat, prompt: "", target: "none", ackMaxChars: 0 },
    sessions: storeOf({ ...newest, sessions: newest.sessions.filter(({ agentId }) => agentId === id) }, at),
  }))

/** The gateway's own word for how it is, with what it takes for a snapshot. */
const healthNow = Effect.gen(function* () {
  const before = yield* now()
  const own = yield* call("health", {})
  const roster = yield* Effect.orElseSucceed(agentCatalog, () => emptyCatalog)
  const newest = yield* Effect.orElseSucceed(newestSessions(RECENT), () => none)
  const at = yield* now()
  return {
    ok: own.state !== "stopping",
    ts: at,
    durationMs: Math.max(0, at - before),
    plugins: { loaded: [], errors: [], unavailable: [] },
    channels: {},
    channelOrder: [],
    channelLabels: {},
    heartbeatSeconds: 0,
    defaultAgentId: roster.defaultId,
    agents: healthAgents(roster, newest, at),
    sessions: storeOf(newest, at),
  }
})

/** The method that is called most of all: dashboards and supervisors poll it. */
export const health = cached(healthNow)

const statusSessions = (roster: AgentCatalog, newest: Newest, runs: ReadonlyArray<OpenRun>, at: number) => {
  const rows = newest.sessions.map((session) => {
    const runIds = runs.filter(({ sessionKey }) => sessionKey === session.key).map(({ runId }) => runId)
    return { ...fullRow(session, roster, at, runIds), sessionId: sessionIdOf(session), age: at - session.updatedAt }
  })
  const model = modelFor(roster, roster.defaultId)
  return {
    paths: [STORE],
    count: newest.total,
    defaults: { model: model?.id ?? null, contextTokens: model?.contextWindow ?? null },
    recent: rows,
    byAgent: roster.agents.map(({ id }) => {
      const own = rows.filter(({ agentId }) => agentId === id)
      return { agentId: id, path: STORE, count: own.length, recent: own }
    }),
  }
}

type OpenRun = { readonly runId: string; readonly sessionKey: string }

export const status = () => {
  const asked = Effect.all({
    own: call("status", {}),
    roster: agentCatalog,
    newest: newestSessions(RECENT_STATUS),
    runs: openRuns(),
    at: now(),
  })
  return Effect.map(asked, ({ at, newest, own, roster, runs }) => ({
    runtimeVersion: VERSION,
    heartbeat: {
      defaultAgentId: roster.defaultId,
      agents: roster.agents.map(({ id }) => ({ agentId: id, ...noHeartbeat })),
    },
    channelSummary: [],
    queuedSystemEvents: [],
    degradedSecretOwners: [],
    degradedPlugins: [],
    tasks: { total: 0, active: 0, terminal: 0, failures: 0, byStatus: {}, byRuntime: {} },
    taskAudit: { total: 0, warnings: 0, errors: 0, byCode: {} },
    sessions: statusSessions(roster, newest, runs, at),
    uptimeMs: own.uptimeMs,
    connections: own.connections,
    runs: own.runs,
    processMemory: { rssBytes: own.rssBytes },
  }))
}

export const healthMethods: ReadonlyArray<Row> = [
  ["health", undefined, dialectMethod(Nothing, () => health)],
  ["status", "operator.read", dialectMethod(Nothing, status)],
  ["ping", undefined, dialectMethod(Nothing, () => Effect.map(now(), (ts) => ({ ok: true, ts })))],
]
