/**
 * Health: the methods `health`, `status` and `ping`, in the forms that command lines and dashboards print. Features that
 * this gateway does not have (channels, plugins, heartbeats, tasks) are empty. Events and hello-ok use `health`.
 */
import * as Effect from "effect/Effect"
import type { OpenRun } from "../../../domain/Run.ts"
import type { Session } from "../../../domain/Session.ts"
import { VERSION } from "../../../domain/Version.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { cached, call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { NoParams } from "../wire/Params.ts"
import { emptyCatalog, modelFor, nameOf, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { now, openRuns } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"
import type { SessionsFound } from "../../dialect/Queries.ts"
import { newestSessions, noSessions, STORE } from "./SessionLists.ts"
import { fullRow } from "./SessionViews.ts"

const RECENT = 5
const RECENT_STATUS = 10

const noHeartbeat = { enabled: false, every: "disabled", everyMs: null }

const recent = ({ key, updatedAt }: Session, at: number) => ({ key, updatedAt, age: Math.max(0, at - updatedAt) })

const storeOf = ({ sessions, total }: SessionsFound, at: number) => ({
  path: STORE,
  count: total,
  recent: sessions.map((session) => recent(session, at)),
})

const healthAgents = ({ agents, defaultId }: AgentCatalog, newest: SessionsFound, at: number) =>
  agents.map(({ id, name }) => ({
    agentId: id,
    name,
    isDefault: id === defaultId,
    heartbeat: { ...noHeartbeat, prompt: "", target: "none", ackMaxChars: 0 },
    sessions: storeOf({ ...newest, sessions: newest.sessions.filter(({ agentId }) => agentId === id) }, at),
  }))

const healthNow = Effect.gen(function* () {
  const before = yield* now()
  const { state } = yield* call("health", {})
  const catalog = yield* Effect.orElseSucceed(agentCatalog, () => emptyCatalog)
  const newest = yield* Effect.orElseSucceed(newestSessions(RECENT), () => noSessions)
  const at = yield* now()
  return {
    ok: state !== "stopping",
    ts: at,
    durationMs: Math.max(0, at - before),
    plugins: { loaded: [], errors: [], unavailable: [] },
    channels: {},
    channelOrder: [],
    channelLabels: {},
    heartbeatSeconds: 0,
    defaultAgentId: catalog.defaultId,
    agents: healthAgents(catalog, newest, at),
    sessions: storeOf(newest, at),
  }
})

/** The most frequent call: dashboards and supervisors poll it. A client that may not read gets no agents or sessions. */
export const health = cached(healthNow)

const statusSessions = (catalog: AgentCatalog, newest: SessionsFound, runs: ReadonlyArray<OpenRun>, at: number) => {
  const rows = newest.sessions.map((session) => {
    const runIds = runs.filter(({ sessionKey }) => sessionKey === session.key).map(({ runId }) => runId)
    return { ...fullRow(session, catalog, at, runIds), sessionId: sessionIdOf(session), age: at - session.updatedAt }
  })
  const model = modelFor(catalog, catalog.defaultId)
  return {
    paths: [STORE],
    count: newest.total,
    defaults: { model: model === undefined ? null : nameOf(model).model, contextTokens: model?.contextWindow ?? null },
    recent: rows,
    byAgent: catalog.agents.map(({ id }) => {
      const own = rows.filter(({ agentId }) => agentId === id)
      return { agentId: id, path: STORE, count: own.length, recent: own }
    }),
  }
}

const status = dialectMethod(NoParams, () =>
  Effect.gen(function* () {
    const { connections, rssBytes, runs: runCounts, uptimeMs } = yield* call("status", {})
    const catalog = yield* agentCatalog
    const newest = yield* newestSessions(RECENT_STATUS)
    const runs = yield* openRuns()
    const at = yield* now()
    return {
      runtimeVersion: VERSION,
      heartbeat: {
        defaultAgentId: catalog.defaultId,
        agents: catalog.agents.map(({ id }) => ({ agentId: id, ...noHeartbeat })),
      },
      channelSummary: [],
      queuedSystemEvents: [],
      degradedSecretOwners: [],
      degradedPlugins: [],
      tasks: { total: 0, active: 0, terminal: 0, failures: 0, byStatus: {}, byRuntime: {} },
      taskAudit: { total: 0, warnings: 0, errors: 0, byCode: {} },
      sessions: statusSessions(catalog, newest, runs, at),
      uptimeMs,
      connections,
      runs: runCounts,
      processMemory: { rssBytes },
    }
  }),
)

export const healthMethods: ReadonlyArray<Row> = [
  ["health", undefined, dialectMethod(NoParams, () => health)],
  ["status", "operator.read", status],
  ["ping", undefined, dialectMethod(NoParams, () => Effect.map(now(), (ts) => ({ ok: true, ts })))],
]
