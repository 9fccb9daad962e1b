/**
 * SessionMonitor: a scheduled stream of what has changed among the stored sessions behind the gateway's back: an
 * operator's SQL, a restored row, another program. What the gateway itself changes is told with the change.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { difference, type Difference, isEmpty } from "../../domain/Difference.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Session } from "../../domain/Session.ts"
import { Events } from "../events/Events.ts"
import { SessionIndex } from "./SessionIndex.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"

const same = Schema.toEquivalence(Session)

const byKey = (sessions: Iterable<Session>): ReadonlyMap<string, Session> =>
  new Map(Array.from(sessions, (session) => [session.key, session]))

/** What was told of sessions that stands in contradiction to what is stored, as events that put it right. */
export const corrections = ({ added, changed, removed }: Difference<Session>): ReadonlyArray<KeptEvent> => [
  ...added.map((session) => ({ _tag: "SessionOpened", session }) as const),
  ...changed.map((session) => ({ _tag: "SessionChanged", session }) as const),
  ...removed.map((sessionKey) => ({ _tag: "SessionClosed", sessionKey }) as const),
]

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { monitorIntervalMs } = yield* GatewayConfig
    const { db, withLock } = yield* Sqlite
    const { sessions } = yield* Transcript
    const index = yield* SessionIndex
    const events = yield* Events

    /** Changes with every commit of another connection, never with one of ours: nothing is read while it stands. */
    const dataVersion = db.prepare("PRAGMA data_version")
    let seen: unknown

    /** With the lock held no change of ours is half told: whatever differs came from elsewhere. */
    const look = withLock(
      Effect.try((): Difference<Session> => {
        const version = dataVersion.get()?.["data_version"]
        if (version === seen) return nothing
        seen = version
        return difference(byKey(index.values()), byKey(sessions.all()), same)
      }),
    ).pipe(
      // A row that is no session, or a failing disk. The next foreign change is looked at again.
      Effect.catch(({ cause }) => Effect.as(Effect.logWarning("Stored sessions could not be read", cause), nothing)),
    )

    /** A row may have changed again since it was looked at; then its own change tells of it, or the next look. */
    const tell = (found: Difference<Session>) =>
      events.commit(() => {
        const still = (session: Session) => {
          const now = sessions.get(session.key)
          return now !== undefined && same(now, session)
        }
        const { added, changed, removed } = found
        return [
          undefined,
          corrections({
            added: added.filter((session) => index.get(session.key) === undefined && still(session)),
            changed: changed.filter(still),
            removed: removed.filter((key) => sessions.get(key) === undefined),
          }),
        ]
      })

    yield* Stream.fromEffectSchedule(look, Schedule.fixed(monitorIntervalMs)).pipe(
      Stream.filter((found) => !isEmpty(found)),
      Stream.runForEach((found) =>
        tell(found).pipe(
          Effect.catch((error) => {
            seen = undefined
            return Effect.logWarning("Changes of sessions could not be told", error)
          }),
          // A row that is no session. The next foreign change is looked at again.
          Effect.catchDefect((defect) => Effect.logWarning("A stored session cannot be told", defect)),
        ),
      ),
      Effect.annotateLogs("source", "sessions"),
      Effect.forkScoped,
    )
  }),
)

const nothing: Difference<Session> = { added: [], changed: [], removed: [] }
