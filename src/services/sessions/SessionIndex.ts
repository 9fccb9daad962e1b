/**
 * All sessions in memory, for lists and lookups that must not wait for the disk. It loads them once and follows the
 * events, so it is up to date when a commit returns. Sessions, SessionLimit and SessionMonitor use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type GatewayEvent, sessionOf } from "../../domain/Event.ts"
import { Events } from "../events/Events.ts"
import { SortedSessions } from "./SortedSessions.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import * as StoredSessions from "./StoredSessions.ts"

export class SessionIndex extends Context.Service<
  SessionIndex,
  Pick<SortedSessions, "size" | "get" | "values" | "page">
>()("causeway/services/sessions/SessionIndex") {
  static readonly layer: Layer.Layer<SessionIndex, StorageUnavailable, Events> = Layer.effect(
    SessionIndex,
    Effect.gen(function* () {
      const events = yield* Events
      const list = new SortedSessions()
      /** The sessions that have changed since the load began. A row of them may be older than its event. */
      let changed: Set<string> | undefined = new Set()
      yield* events.onEvent(({ event }) => {
        const key = sessionOf(event)
        if (key !== undefined) changed?.add(key)
        apply(list, event)
      })
      yield* StoredSessions.forEach((session) => {
        if (changed?.has(session.key) === false) list.put(session)
      })
      changed = undefined
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
