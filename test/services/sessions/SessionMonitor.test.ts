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
import * as Conversations from "../../support/Conversations.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

type Services = Events | SessionIndex | Sessions | Scope.Scope

/** A test with the monitor at work and a second connection to its database, as another program has it. */
const monitored = (test: (other: DatabaseSync) => Effect.Effect<void, unknown, Services>) =>
  Effect.gen(function* () {
    const filename = join(yield* temporaryFolder, "causeway.db")
    const services = Conversations.layer({ filename, config: { monitorIntervalMs: 5_000 } })
    yield* Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename)),
        (db) => Effect.sync(() => db.close()),
      )
      yield* test(other)
    }).pipe(Effect.provide(SessionMonitor.layer.pipe(Layer.provideMerge(services))))
  }).pipe(Effect.scoped)

const next = (subscription: PubSub.Subscription<{ readonly event: unknown }>) =>
  Effect.map(PubSub.take(subscription), ({ event }) => event)

/** Whatever is told by then has been told: a marker comes after it. */
const toldUntilNow = Effect.fnUntraced(function* (subscription: PubSub.Subscription<{ readonly event: unknown }>) {
  const events = yield* Events
  yield* events.commit(() => [undefined, []])
  return yield* PubSub.takeUpTo(subscription, yield* PubSub.remaining(subscription))
})

describe("sessions that another program changes", () => {
  it.effect("are told at the next comparison: changed, removed and new ones", () =>
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
        yield* TestClock.adjust("5 seconds")
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

  it.effect("are still told after a row that is no session was written and mended", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET label = printf('%.5000c', 'x')")
        yield* TestClock.adjust("5 seconds")
        other.exec("UPDATE sessions SET label = 'theirs'")
        yield* TestClock.adjust("5 seconds")
        expect(yield* next(subscription)).toMatchObject({ _tag: "SessionChanged", session: { label: "theirs" } })
      }),
    ),
  )

  it.effect("are told once", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET label = 'theirs'")
        yield* TestClock.adjust("5 seconds")
        expect(yield* next(subscription)).toMatchObject({ _tag: "SessionChanged" })
        yield* TestClock.adjust("30 seconds")
        expect(yield* toldUntilNow(subscription)).toEqual([])
      }),
    ),
  )

  it.effect("do not make the gateway's own changes told twice", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        const subscription = yield* (yield* Events).liveFeed
        // Their change makes the monitor look; ours is in the same database.
        other.exec("PRAGMA user_version = 1")
        yield* sessions.patch("a", { label: "ours" })
        yield* TestClock.adjust("10 seconds")
        expect((yield* toldUntilNow(subscription)).map(({ event }) => event)).toMatchObject([
          { _tag: "SessionChanged", session: { label: "ours" } },
        ])
      }),
    ),
  )

  it.effect("that the gateway has changed since are told as they are now", () =>
    monitored(
      Effect.fnUntraced(function* (other) {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a", label: "before" })
        const subscription = yield* (yield* Events).liveFeed
        other.exec("UPDATE sessions SET display_name = 'theirs'")
        yield* sessions.patch("a", { label: "ours" })
        yield* TestClock.adjust("10 seconds")
        const told = (yield* toldUntilNow(subscription)).map(({ event }) => event)
        expect(told.at(-1)).toMatchObject({ session: { displayName: "theirs", label: "ours" } })
        expect(sessions.find("a")).toMatchObject({ displayName: "theirs", label: "ours" })
      }),
    ),
  )

  it.effect("are not looked for while nobody else writes", () =>
    monitored(
      Effect.fnUntraced(function* () {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "a" })
        yield* TestClock.adjust("5 seconds")
        const subscription = yield* (yield* Events).liveFeed
        yield* TestClock.adjust("1 minute")
        expect(yield* toldUntilNow(subscription)).toEqual([])
      }),
    ),
  )
})
