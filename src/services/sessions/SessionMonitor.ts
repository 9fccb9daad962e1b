/**
 * A scheduled stream that finds changes of the stored sessions by other programs, e.g. an operator's SQL, and publishes
 * them as events. The gateway publishes its own changes with each commit. Gateway.ts starts it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Difference, isEmpty } from "../../domain/Difference.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Session } from "../../domain/Session.ts"
import { Events } from "../events/Events.ts"
import { SessionIndex } from "./SessionIndex.ts"
import * as StoredSessions from "./StoredSessions.ts"
import { Storage } from "../storage/Storage.ts"
import { Tx } from "../storage/Tx.ts"

const same = Schema.toEquivalence(Session)

/** Returns the events that bring subscribers from the published sessions to the stored ones. */
export const corrections = ({ added, changed, removed }: Difference<Session>): ReadonlyArray<KeptEvent> => [
  ...added.map((session) => ({ _tag: "SessionOpened", session }) as const),
  ...changed.map((session) => ({ _tag: "SessionChanged", session }) as const),
  ...removed.map((sessionKey) => ({ _tag: "SessionClosed", sessionKey }) as const),
]

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { monitorIntervalMs } = yield* GatewayConfig
    const storage = yield* Storage
    const index = yield* SessionIndex
    const events = yield* Events

    /** A change that could not be published. */
    let isPending = false

    /** Compares the index with the table, page by page. Rows that change meanwhile may be among the differences. */
    const compare = Effect.gen(function* () {
      if (!(yield* storage.changedByOthers) && !isPending) return noChanges
      isPending = false
      const stored = new Set<string>()
      const added: Array<Session> = []
      const changed: Array<Session> = []
      yield* StoredSessions.forEach((session) => {
        stored.add(session.key)
        const published = index.get(session.key)
        if (published === undefined) added.push(session)
        else if (!same(published, session)) changed.push(session)
      })
      const removed = Array.from(index.values(), ({ key }) => key).filter((key) => !stored.has(key))
      return { added, changed, removed }
    }).pipe(
      // The disk may fail, or a row may be invalid. The next change by another program triggers another comparison.
      Effect.catchCause((cause) => Effect.as(Effect.logWarning("Cannot read the stored sessions", cause), noChanges)),
    )

    /** Skips rows that have changed since the comparison. Their own commit or the next comparison publishes them. */
    const publish = ({ added, changed, removed }: Difference<Session>) =>
      events.commit(
        Effect.gen(function* () {
          const { sessions } = yield* Tx
          const isCurrent = (session: Session) =>
            Effect.map(sessions.get(session.key), (stored) => stored !== undefined && same(stored, session))
          const isGone = (key: string) => Effect.map(sessions.get(key), (stored) => stored === undefined)
          const isNew = ({ key }: Session) => index.get(key) === undefined
          const found = {
            added: yield* Effect.filter(added.filter(isNew), isCurrent),
            changed: yield* Effect.filter(changed, isCurrent),
            removed: yield* Effect.filter(removed, isGone),
          }
          return [undefined, corrections(found)] as const
        }),
      )

    yield* Stream.fromEffectSchedule(compare, Schedule.fixed(monitorIntervalMs)).pipe(
      Stream.filter((found) => !isEmpty(found)),
      Stream.runForEach((found) =>
        publish(found).pipe(
          Effect.catch((error) => {
            isPending = true
            return Effect.logWarning("Cannot publish the changes of sessions", error)
          }),
          // A row may be invalid. The next change by another program triggers another comparison.
          Effect.catchDefect((defect) => Effect.logWarning("Cannot publish an invalid stored session", defect)),
        ),
      ),
      Effect.annotateLogs("source", "sessions"),
      Effect.forkScoped,
    )
  }),
)

const noChanges: Difference<Session> = { added: [], changed: [], removed: [] }
