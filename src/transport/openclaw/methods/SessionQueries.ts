/**
 * Session facts: what rows, histories and descriptions of a session are made of, asked of the contract together. Clients
 * open sessions that nobody has written to yet, so that there may be none.
 */
import type { Session } from "../../../domain/Session.ts"
import { all, ask, failed, type Inquiry, known } from "../../dialect/Query.ts"
import { agentCatalog } from "./AgentCatalog.ts"
import { fullRow, unbegunRow } from "./SessionViews.ts"

/** The time, as the gateway has it. */
export const now = (): Inquiry<number> => ask("ping", {}, ({ at }) => known(at))

/** Undefined: there is no such session. */
export const sessionFor = (key: string): Inquiry<Session | undefined> =>
  ask(
    "sessions.get",
    { key },
    (session) => known(session),
    (fault) => (fault._tag === "Domain" && fault.error._tag === "SessionNotFound" ? known(undefined) : failed(fault)),
  )

/** Of one session, or of all. */
export const openRuns = (sessionKey?: string) =>
  ask("runs.list", sessionKey === undefined ? {} : { sessionKey }, ({ runs }) => known(runs))

export const sessionFacts = (key: string) =>
  all({ now: now(), roster: agentCatalog(), session: sessionFor(key), runs: openRuns(key) })

export type SessionFacts = ReturnType<typeof sessionFacts> extends Inquiry<infer Facts> ? Facts : never

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
