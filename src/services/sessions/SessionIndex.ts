/**
 * All sessions in memory, for lists and lookups that must not wait for the disk. It loads them once and then follows the
 * events, so it is up to date when a commit returns. Sessions, SessionLimit and SessionMonitor use it.
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
      yield* events.onEvent(({ event }) => apply(list, event))
      return list
    }),
  )
}

const apply = (list: SortedSessions, event: GatewayEvent): void => {
  switch (event._tag) {
    case "SessionOpened":
    case "SessionChanged":
      return list.put(event.session)
    case "SessionClosed":
      return list.remove(event.sessionKey)
  }
}
