/** Migrations, on databases of earlier versions. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { KeptEvent } from "../../../../src/domain/Event.ts"
import events from "../../../../src/services/storage/sqlite/migrations/0001_events.ts"
import agents from "../../../../src/services/storage/sqlite/migrations/0002_agents.ts"
import sessions from "../../../../src/services/storage/sqlite/migrations/0003_sessions.ts"
import devices from "../../../../src/services/storage/sqlite/migrations/0004_devices.ts"
import turnDigests from "../../../../src/services/storage/sqlite/migrations/0005_turn_digests.ts"
import unansweredMessages from "../../../../src/services/storage/sqlite/migrations/0006_unanswered_messages.ts"
import bindingChanges from "../../../../src/services/storage/sqlite/migrations/0008_binding_changes.ts"
import transcripts from "../../../../src/services/storage/sqlite/migrations/0012_transcripts.ts"
import eventNumbers from "../../../../src/services/storage/sqlite/migrations/0013_event_numbers.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { session } from "../../../support/Sessions.ts"

const decode = Schema.decodeUnknownSync(KeptEvent)

/** Inserts an event as version 5 did. */
const insert = Effect.fnUntraced(function* (seq: number, sessionKey: string | null, event: object) {
  const { db } = yield* Sqlite
  db.prepare("INSERT INTO events (seq, nth, at, session_key, event) VALUES (?, ?, 0, ?, ?)").run(
    seq,
    seq,
    sessionKey,
    JSON.stringify(event),
  )
})

const kept = Effect.map(Sqlite, ({ db }) =>
  db
    .prepare("SELECT event FROM events ORDER BY seq")
    .all()
    .map(({ event }) => decode(JSON.parse(String(event)))),
)

describe("Migrations: an upgrade from version 5", () => {
  it.effect("Old events can be replayed, and all messages of a session count as history.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      for (const step of [events, agents, sessions, devices, turnDigests]) db.exec(step)
      const { historyCount: _, ...before } = { ...session("s"), messageCount: 3 }
      const closed: KeptEvent = { _tag: "SessionClosed", sessionKey: "s" }
      yield* insert(1, "s", { _tag: "SessionOpened", session: before })
      yield* insert(2, "s", closed)
      const binding = { agentId: "main", tier: 5, matchKey: "default", matchValue: "*", priority: 0 } as const
      yield* insert(3, null, { _tag: "BindingsChanged", bindings: [binding] })
      db.exec(`INSERT INTO sessions (key, agent_id, kind, display_name, message_count, input_tokens, output_tokens,
        context_tokens, created_at, updated_at) VALUES ('s', 'main', 'session', 's', 3, 0, 0, 0, 0, 0)`)
      db.exec(unansweredMessages)
      db.exec(bindingChanges)
      expect(yield* kept).toEqual([
        { _tag: "SessionOpened", session: { ...before, historyCount: 3 } },
        closed,
        { _tag: "BindingsChanged", set: [binding], removed: [] },
      ])
      expect(db.prepare("SELECT history_count FROM sessions").get()).toMatchObject({ history_count: 3 })
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )
})

describe("Migrations: an upgrade from version 11", () => {
  it.effect("Events get gapless numbers and the log a new epoch. Messages stay with their session.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      for (const step of [events, agents, sessions, devices]) db.exec(step)
      const removed = (id: string) => JSON.stringify({ _tag: "MemoryRemoved", id })
      const event = db.prepare("INSERT INTO events (seq, nth, at, session_key, event) VALUES (?, ?, ?, NULL, ?)")
      // Retention has dropped the first two events, and live events have taken the positions between the others.
      for (const [seq, nth] of [
        [10, 3],
        [25, 4],
        [90, 5],
      ] as const)
        event.run(seq, nth, seq, removed(`${nth}`))
      db.exec(`INSERT INTO event_log (id, epoch, ceiling, dropped) VALUES (1, 'old', 100000, 9);
        INSERT INTO sessions (key, agent_id, kind, display_name, message_count, input_tokens, output_tokens,
          context_tokens, created_at, updated_at) VALUES ('s', 'main', 'session', 's', 1, 0, 0, 0, 0, 0);
        INSERT INTO turns (run_id, session_key, agent_id, principal, text, state, attempt, accepted_at, accepted_after)
          VALUES ('r', 's', 'main', '{}', '', 'queued', 0, 0, 60), ('q', 's', 'main', '{}', '', 'queued', 0, 0, 2);
        INSERT INTO messages (session_key, run_id, step, role, text, aborted, at) VALUES ('s', 'r', 0, 'user', 'x', 0, 0)`)
      db.exec(transcripts)
      db.exec(eventNumbers)
      expect(db.prepare("SELECT seq, at FROM events ORDER BY seq").all()).toMatchObject([
        { seq: 3, at: 10 },
        { seq: 4, at: 25 },
        { seq: 5, at: 90 },
      ])
      expect(db.prepare("SELECT epoch = 'old' AS same, dropped FROM event_log").get()).toMatchObject({
        same: 0,
        dropped: 2,
      })
      expect(db.prepare("SELECT accepted_after FROM turns ORDER BY pos").all()).toMatchObject([
        { accepted_after: 4_000_000 },
        { accepted_after: 0 },
      ])
      expect(
        db.prepare("SELECT coalesce(s.transcript, s.key) = m.transcript AS own FROM sessions s, messages m").all(),
      ).toMatchObject([{ own: 1 }])
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )
})
