/**
 * UpstreamSessions: reads all sessions of an upstream gateway, page by page, although they change meanwhile. UpstreamSync.ts
 * uses it.
 */
import * as Effect from "effect/Effect"
import type { SessionRow } from "../../openclaw-client/Methods.ts"
import type { OpenClawError } from "../../openclaw-client/OpenClawError.ts"
import type { UpstreamClient } from "../upstreams/Upstreams.ts"

const PAGE_ROWS = 500

/** The newest sessions of one gateway that the fleet knows. */
export const MAX_SESSIONS = 20_000

/** Reads after which the list counts as it is, because sessions go faster than pages come. */
const ATTEMPTS = 5

/**
 * Returns the sessions, newest first. Each page begins with the last row of the one before. If another row is there,
 * sessions were removed meanwhile, and the reading begins again, so that no session is skipped.
 */
export const allSessions = Effect.fnUntraced(function* (
  client: Pick<UpstreamClient, "call">,
): Effect.fn.Return<Iterable<SessionRow>, OpenClawError> {
  for (let attempt = 1; ; attempt++) {
    const { isWhole, rows } = yield* read(client)
    if (isWhole || attempt === ATTEMPTS) return rows.values()
  }
})

const read = Effect.fnUntraced(function* (client: Pick<UpstreamClient, "call">) {
  const rows = new Map<string, SessionRow>()
  let offset = 0
  while (rows.size < MAX_SESSIONS) {
    const page = yield* client.call("sessions.list", { limit: PAGE_ROWS, ...(offset > 0 && { offset }) })
    const [first] = page.sessions
    if (offset > 0 && first !== undefined && !rows.has(first.key)) return { isWhole: false, rows }
    const before = rows.size
    for (const row of page.sessions) rows.set(row.key, row)
    // A gateway that ignores the offset sends the same page again.
    if (page.hasMore !== true || rows.size === before) break
    offset += page.sessions.length - 1
  }
  return { isWhole: true, rows }
})
