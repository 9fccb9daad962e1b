/**
 * SessionQueries: queries for the facts and settings of a session. Clients open sessions that have no message yet, so a
 * session may be missing. Methods and session events use it.
 */
import * as Effect from "effect/Effect"
import type { OpenRun } from "../../../domain/Run.ts"
import type { Session, SessionExpectation } from "../../../domain/Session.ts"
import { given, trimmed } from "../../dialect/Params.ts"
import { call, catchError, type Params, type Query } from "../../dialect/Query.ts"
import { type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { fullRow, missingRow } from "./SessionViews.ts"

/** Returns the gateway's time. */
export const now = (): Query<number> => Effect.map(call("ping", {}), ({ at }) => at)

/** Returns `undefined` if there is no such session. */
export const sessionFor = (key: string): Query<Session | undefined> =>
  catchError(call("sessions.get", { key }), "SessionNotFound", () => Effect.undefined)

/** Changes the settings of a session. Without conditions, it creates a session that does not exist. */
export const patchOrCreate = (
  key: string,
  agentId: string | null | undefined,
  changes: Omit<Params<"sessions.patch">, "key" | "expected">,
  expected: SessionExpectation | undefined,
): Query<Session> => {
  const patched = call("sessions.patch", { key, ...changes, ...given({ expected }) })
  const create = () => call("sessions.create", { key, ...given({ agentId: trimmed(agentId) }), ...changes })
  return expected === undefined ? catchError(patched, "SessionNotFound", create) : patched
}

/** Returns the open runs of one session or of all sessions. */
export const openRuns = (sessionKey?: string): Query<ReadonlyArray<OpenRun>> =>
  Effect.map(call("runs.list", sessionKey === undefined ? {} : { sessionKey }), ({ runs }) => runs)

/** The facts of which rows, histories and descriptions of a session are made. */
export interface SessionFacts {
  readonly at: number
  readonly catalog: AgentCatalog
  readonly session: Session | undefined
  readonly runs: ReadonlyArray<OpenRun>
}

export const sessionFacts = (key: string): Query<SessionFacts> =>
  Effect.all({ at: now(), catalog: agentCatalog, session: sessionFor(key), runs: openRuns(key) })

/** Returns the row of a session, also of one that does not exist yet. */
export const rowOf = ({ at, catalog, runs, session }: SessionFacts, key: string, agentId?: string) =>
  session === undefined
    ? missingRow(key, agentId, catalog, at)
    : fullRow(
        session,
        catalog,
        at,
        runs.map(({ runId }) => runId),
      )
