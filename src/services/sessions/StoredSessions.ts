/**
 * Reads all stored sessions, page by page: a whole read of a large table would block the event loop. SessionIndex and
 * SessionMonitor use it.
 */
import * as Effect from "effect/Effect"
import type { Session } from "../../domain/Session.ts"
import { Events } from "../events/Events.ts"
import type { SessionCursor } from "../storage/SessionStore.ts"
import { Tx } from "../storage/Tx.ts"

/** The sessions of a page, which SQLite reads in some milliseconds. */
const PAGE = 2_000

/** Calls `visit` with each session. The pages are no snapshot: commits may come between them. */
export const forEach = Effect.fnUntraced(function* (visit: (session: Session) => void) {
  const events = yield* Events
  let after: SessionCursor | undefined
  do {
    const from: SessionCursor | undefined = after
    const page = yield* events.read(Effect.flatMap(Tx, ({ sessions }) => sessions.page(from, PAGE)))
    for (const session of page.sessions) visit(session)
    after = page.next
    if (after !== undefined) yield* Effect.yieldNow
  } while (after !== undefined)
})
