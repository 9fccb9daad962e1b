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
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Tx } from "../storage/Tx.ts"

export class SessionIndex extends Context.Service<
  SessionIndex,
  Pick<SortedSessions, "size" | "get" | "values" | "page">
>()("causeway/services/sessions/SessionIndex") {
  static readonly layer: Layer.Layer<SessionIndex, StorageUnavailable, Events> = Layer.effect(
    SessionIndex,
    Effect.gen(function* () {
      const events = yield* Events
      const stored = yield* events.read(Effect.flatMap(Tx, ({ sessions }) => sessions.all))
      const list = new SortedSessions(stored)
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
