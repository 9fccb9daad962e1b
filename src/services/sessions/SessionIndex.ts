/**
 * SessionIndex: all sessions in memory, for lists and lookups that must not wait for a disk. Loaded once, then fed by
 * the events in the same step in which they become live: exact as soon as a commit returns. It changes nothing itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayEvent } from "../../domain/Event.ts"
import { Events } from "../events/Events.ts"
import { SortedSessions } from "./SortedSessions.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"

export class SessionIndex extends Context.Service<
  SessionIndex,
  Pick<SortedSessions, "size" | "get" | "values" | "page">
>()("causeway/services/sessions/SessionIndex") {
  static readonly layer: Layer.Layer<SessionIndex, never, Events | Sqlite | Transcript> = Layer.effect(
    SessionIndex,
    Effect.gen(function* () {
      const events = yield* Events
      const sqlite = yield* Sqlite
      const transcript = yield* Transcript
      const list = new SortedSessions(yield* sqlite.withLock(Effect.sync(transcript.sessions.all)))
      yield* events.onEvent(({ event }) => follow(list, event))
      return list
    }),
  )
}

const follow = (list: SortedSessions, event: GatewayEvent): void => {
  switch (event._tag) {
    case "SessionOpened":
    case "SessionChanged":
      return list.put(event.session)
    case "SessionClosed":
      return list.remove(event.sessionKey)
  }
}
