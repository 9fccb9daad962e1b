/**
 * SessionIndex: all sessions in memory, for lists and lookups that must not wait for a disk. Loaded once, then fed by
 * the events in the same step in which they become live: exact as soon as a commit returns. It changes nothing itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayEvent } from "../domain/Event.ts"
import { Events } from "./Events.ts"
import { SessionList } from "./SessionList.ts"
import { Sqlite } from "./Sqlite.ts"
import { Transcript } from "./Transcript.ts"

export class SessionIndex extends Context.Service<
  SessionIndex,
  Pick<SessionList, "size" | "get" | "values" | "page">
>()("causeway/services/SessionIndex") {
  static readonly layer: Layer.Layer<SessionIndex, never, Events | Sqlite | Transcript> = Layer.effect(
    SessionIndex,
    Effect.gen(function* () {
      const events = yield* Events
      const sqlite = yield* Sqlite
      const transcript = yield* Transcript
      const list = new SessionList(yield* sqlite.withLock(Effect.sync(transcript.sessions.all)))
      yield* events.observe(({ event }) => follow(list, event))
      return list
    }),
  )
}

const follow = (list: SessionList, event: GatewayEvent): void => {
  switch (event._tag) {
    case "SessionOpened":
    case "SessionChanged":
      return list.put(event.session)
    case "SessionClosed":
      return list.remove(event.sessionKey)
  }
}
