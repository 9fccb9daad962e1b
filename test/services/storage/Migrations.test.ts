/** Migrations, on databases of earlier versions. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { KeptEvent } from "../../../src/domain/Event.ts"
import events from "../../../src/services/storage/migrations/0001_events.ts"
import agents from "../../../src/services/storage/migrations/0002_agents.ts"
import sessions from "../../../src/services/storage/migrations/0003_sessions.ts"
import devices from "../../../src/services/storage/migrations/0004_devices.ts"
import turnDigests from "../../../src/services/storage/migrations/0005_turn_digests.ts"
import unansweredMessages from "../../../src/services/storage/migrations/0006_unanswered_messages.ts"
import bindingChanges from "../../../src/services/storage/migrations/0008_binding_changes.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { session } from "../../support/Sessions.ts"

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
      for (const step of [events, agents, sessions, devices, turnDigests]) yield* step
      const { historyCount: _, ...before } = { ...session("s"), messageCount: 3 }
      const closed: KeptEvent = { _tag: "SessionClosed", sessionKey: "s" }
      yield* insert(1, "s", { _tag: "SessionOpened", session: before })
      yield* insert(2, "s", closed)
      const binding = { agentId: "main", tier: 5, matchKey: "default", matchValue: "*", priority: 0 } as const
      yield* insert(3, null, { _tag: "BindingsChanged", bindings: [binding] })
      const { db } = yield* Sqlite
      db.exec(`INSERT INTO sessions (key, agent_id, kind, display_name, message_count, input_tokens, output_tokens,
        context_tokens, created_at, updated_at) VALUES ('s', 'main', 'session', 's', 3, 0, 0, 0, 0, 0)`)
      yield* unansweredMessages
      yield* bindingChanges
      expect(yield* kept).toEqual([
        { _tag: "SessionOpened", session: { ...before, historyCount: 3 } },
        closed,
        { _tag: "BindingsChanged", set: [binding], removed: [] },
      ])
      expect(db.prepare("SELECT history_count FROM sessions").get()).toMatchObject({ history_count: 3 })
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )
})
