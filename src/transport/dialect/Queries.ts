/**
 * Queries: calls of the contract that are repeated until the answer is complete. JSON-RPC, Mission Control, OpenClaw and
 * the hooks use it.
 */
import * as Effect from "effect/Effect"
import { PAGE_ROWS, WAIT_MS } from "../../domain/Bounds.ts"
import type { Message } from "../../domain/Message.ts"
import type { Run } from "../../domain/Run.ts"
import type { Session } from "../../domain/Session.ts"
import { given } from "./Params.ts"
import { call, type Params, type Query, type Result } from "./Query.ts"

export interface SessionsFound {
  readonly sessions: ReadonlyArray<Session>
  /** The number of all sessions that match. */
  readonly total: number
}

/** Returns the first `count` sessions that match, or all. While pages are read, a session may move to a later page. */
export const findSessions = (query: Params<"sessions.list">, count = Number.MAX_SAFE_INTEGER): Query<SessionsFound> =>
  Effect.gen(function* () {
    const sessions: Array<Session> = []
    let cursor: string | null = null
    while (true) {
      const page: Result<"sessions.list"> = yield* call("sessions.list", {
        ...query,
        limit: Math.min(PAGE_ROWS, count - sessions.length),
        ...given({ cursor }),
      })
      sessions.push(...page.sessions)
      cursor = page.nextCursor
      if (cursor === null || sessions.length >= count) return { sessions, total: page.total }
    }
  })

/** Returns the newest `count` messages of a session, oldest first. */
export const newestMessages = (key: string, count: number): Query<ReadonlyArray<Message>> =>
  Effect.gen(function* () {
    const found: Array<Message> = []
    let before: number | null = null
    do {
      const page: Result<"sessions.history"> = yield* call("sessions.history", {
        key,
        limit: Math.min(PAGE_ROWS, count - found.length),
        ...(before !== null && { before }),
      })
      found.unshift(...page.messages)
      before = page.nextBefore
    } while (before !== null && found.length < count)
    return found
  })

export const isOpen = ({ state }: Pick<Run, "state">): boolean => state === "queued" || state === "running"

/** Waits until the run has ended, or until the time is up. In the second case the returned run is still open. */
export const awaitRun = (runId: string, timeoutMs = Number.POSITIVE_INFINITY): Query<Run> =>
  Effect.gen(function* () {
    let left = Math.max(0, Math.floor(timeoutMs))
    while (true) {
      const step = Math.min(WAIT_MS, left)
      const run: Run = yield* call("runs.wait", { runId, timeoutMs: step })
      left -= step
      if (!isOpen(run) || left === 0) return run
    }
  })
