import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Events } from "../../../src/services/events/Events.ts"
import * as SessionMonitor from "../../../src/services/sessions/SessionMonitor.ts"
import { SessionIndex } from "../../../src/services/sessions/SessionIndex.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { capturedLog } from "../../support/CapturedLog.ts"
import * as Conversations from "../../support/Conversations.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { tick } from "../../support/Ticks.ts"

type Services = Events | SessionIndex | Sessions | Scope.Scope

/** Runs a test with the monitor and with a second connection to its database, like that of another program. */
const monitored = (test: (other: DatabaseSync) => Effect.Effect<void, unknown, Services>) =>
  Effect.gen(function* () {
    const filename = join(yield* temporaryFolder, "causeway.db")
    const services = Conversations.layer({ place: filename, config: { monitorIntervalMs: 5_000 } })
    yield* Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename)),
        (db) => Effect.sync(() => db.close()),
      )
      yield* test(other)
    }).pipe(Effect.provide(SessionMonitor.layer.pipe(Layer.provideMerge(services))))
  }).pipe(Effect.scoped)

/** An interval of the monitor, and a turn of the event loop: a comparison may wait for the disk. */
const interval = Effect.andThen(TestClock.adjust("5 seconds"), tick)

/** Returns the next event. Comparisons go on until it comes. */
const next = (subscription: PubSub.Subscription<{ readonly event: unknown }>) =>
  Effect.map(Effect.raceFirst(PubSub.take(subscription), Effect.forever(interval)), ({ event }) => event)

/** Returns the events so far. Commits are ordered, so an empty commit waits for those before it. */
const publishedSoFar = Effect.fnUntraced(function* (subscription: PubSub.Subscription<{ readonly event: unknown }>) {
  const events = yield* Events
  yield* events.commit(Effect.succeed([undefined, []]))
  return yield* PubSub.takeUpTo(subscription, yield* PubSub.remaining(subscription))
})

describe("SessionMonitor", () => {
  it.effect("The next comparison publishes sessions that another program changed, removed or added.", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "changed", label: "before" })
        yield* sessions.create({ key: "removed" })
        yield* TestClock.adjust("5 seconds")
        const subscription = yield* (yield* Events).liveFeed
        other.exec(`UPDATE sessions SET label = 'after' WHERE key = 'changed';
          INSERT INTO sessions (key, agent_id, kind, display_name, label, channel, peer_id, model, message_count,
            history_count, last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
          SELECT 'new', agent_id, kind, display_name, 'label', channel, peer_id, model, message_count,
            history_count, last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at
            FROM sessions WHERE key = 'removed';
          DELETE FROM sessions WHERE key = 'removed';`)
        expect([yield* next(subscription), yield* next(subscription), yield* next(subscription)]).toMatchObject([
          { _tag: "SessionOpened", session: { key: "new", label: "label" } },
          { _tag: "SessionChanged", session: { key: "changed", label: "after" } },
          { _tag: "SessionClosed", sessionKey: "removed" },
        ])
        expect(sessions.find("changed")?.label).toBe("after")
        expect(sessions.find("removed")).toBeUndefined()
        expect(sessions.find("new")).toBeDefined()
      }),
    ),
  )

  it.effect("It still publishes changes after an invalid row was written and repaired.", () => {
    const log = capturedLog()
    return monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET label = printf('%.5000c', 'x')")
        while (!log.text().includes("Cannot publish an invalid stored session")) yield* interval
        other.exec("UPDATE sessions SET label = 'theirs'")
        expect(yield* next(subscription)).toMatchObject({ _tag: "SessionChanged", session: { label: "theirs" } })
      }),
    ).pipe(Effect.provide(log.layer))
  })

  it.effect("It publishes a change by another program once.", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET label = 'theirs'")
        expect(yield* next(subscription)).toMatchObject({ _tag: "SessionChanged" })
        yield* TestClock.adjust("30 seconds")
        expect(yield* publishedSoFar(subscription)).toEqual([])
      }),
    ),
  )

  it.effect("It does not publish the gateway's own changes again.", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        // Their commit triggers a comparison, which also sees our change.
        other.exec("PRAGMA user_version = 1")
        yield* sessions.patch("a", { label: "ours" })
        yield* TestClock.adjust("10 seconds")
        expect((yield* publishedSoFar(subscription)).map(({ event }) => event)).toMatchObject([
          { _tag: "SessionChanged", session: { label: "ours" } },
        ])
      }),
    ),
  )

  it.effect("A session that both have changed is published in its present state.", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a", label: "before" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET display_name = 'theirs'")
        yield* sessions.patch("a", { label: "ours" })
        yield* TestClock.adjust("10 seconds")
        const events = (yield* publishedSoFar(subscription)).map(({ event }) => event)
        expect(events.at(-1)).toMatchObject({ session: { displayName: "theirs", label: "ours" } })
        expect(sessions.find("a")).toMatchObject({ displayName: "theirs", label: "ours" })
      }),
    ),
  )

  it.effect("It publishes nothing while no other program writes.", () =>
    monitored(
      Effect.fnUntraced(function* () {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        yield* TestClock.adjust("5 seconds")
        const subscription = yield* (yield* Events).liveFeed
        yield* TestClock.adjust("1 minute")
        expect(yield* publishedSoFar(subscription)).toEqual([])
      }),
    ),
  )
})
