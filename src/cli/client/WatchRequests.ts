/**
 * WatchRequests: prints the requests to operators that wait, then new ones and their ends, until Ctrl-C. The commands
 * `approvals watch` and `questions watch` use it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { GatewayEvent, Topic } from "../../domain/Event.ts"
import { eventLine } from "../terminal/EventLine.ts"
import * as Output from "../terminal/Output.ts"

export const watchRequests = Effect.fn("watchRequests")(function* <A extends { readonly id: string }, E, R>(kind: {
  readonly topic: Topic
  /** The requests that wait now. */
  readonly waiting: Effect.Effect<ReadonlyArray<A>, E, R>
  /** Returns the request that begins with the event. */
  readonly opened: (event: GatewayEvent) => A | undefined
  /** Returns the event with which a request begins. */
  readonly event: (request: A) => GatewayEvent
  readonly page: (request: A) => Output.Page
  readonly json: boolean
}) {
  const { events } = yield* GatewayClient
  const known = new Set<string>()
  const show = (request: A) => {
    if (known.has(request.id)) return Effect.void
    known.add(request.id)
    return kind.json ? Output.json([kind.event(request)]) : Output.print(kind.page(request))
  }
  /** Prints the requests that no event has shown. The next connection tries again. */
  const missed = Effect.ignore(Effect.flatMap(kind.waiting, (requests) => Effect.forEach(requests, show)))
  yield* events({ topics: [kind.topic] }).pipe(
    Stream.runForEach((item) => {
      if (item._tag === "Joined") return missed
      if (item._tag !== "Event") return Effect.void
      const opened = kind.opened(item.event)
      if (opened !== undefined) return show(opened)
      const shown = eventLine(item.at, item.event)
      return kind.json ? Output.json([item.event]) : Output.print(shown ?? "")
    }),
  )
})
