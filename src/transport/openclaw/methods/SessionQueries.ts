/**
 * Session facts: what rows, histories and descriptions of a session are made of, asked of the contract together. Clients
 * open sessions that nobody has written to yet, so that there may be none.
 */
import * as Effect from "effect/Effect"
import type { Session } from "../../../domain/Session.ts"
import { call, fail, type Query } from "../../dialect/Query.ts"
import { agentCatalog } from "./AgentCatalog.ts"
import { fullRow, unbegunRow } from "./SessionViews.ts"

/** The time, as the gateway has it. */
export const now = (): Query<number> => Effect.map(call("ping", {}), ({ at }) => at)

/** Undefined: there is no such session. */
export const sessionFor = (key: string): Query<Session | undefined> =>
  Effect.matchEffect(call("sessions.get", { key }), {
    onSuccess: (session) => Effect.succeed(session),
    onFailure: (fault) =>
      fault._tag === "Domain" && fault.error._tag === "SessionNotFound" ? Effect.succeed(undefined) : fail(fault),
  })

/** Of one session, or of all. */
export const openRuns = (sessionKey?: string) =>
  Effect.map(call("runs.list", sessionKey === undefined ? {} : { sessionKey }), ({ runs }) => runs)

export const sessionFacts = (key: string) =>
  Effect.all({ now: now(), roster: agentCatalog, session: sessionFor(key), runs: openRuns(key) })

export type SessionFacts = ReturnType<typeof sessionFacts> extends Query<infer Facts> ? Facts : never

/** The session's row, whether it has begun or not. */
export const rowOf = ({ now, roster, runs, session }: SessionFacts, key: string, agentId?: string) =>
  session === undefined
    ? unbegunRow(key, agentId, roster, now)
    : fullRow(
        session,
        roster,
        now,
        runs.map(({ runId }) => runId),
      )
