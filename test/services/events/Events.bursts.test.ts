import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { KeptEvent } from "../../../src/domain/Event.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { layer } from "../../support/Conversations.ts"
import { loopTurnsDuring } from "../../support/EventLoop.ts"

describe("Events under a burst of commits", () => {
  it.live("A thousand simultaneous commits keep their order and let other work run in between.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const published: Array<string> = []
      yield* events.onEvent(({ event }) => {
        if (event._tag === "MemoryRemoved") published.push(event.id)
      })
      const ids = Array.from({ length: 1_000 }, (_, n) => `${n}`)
      const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })
      const all = Effect.forEach(ids, (id) => events.commit(Effect.succeed([undefined, [removed(id)]])), {
        concurrency: "unbounded",
      })
      const { turns } = yield* loopTurnsDuring(all)
      expect(turns).toBeGreaterThan(10)
      const again = yield* Effect.forkChild(all, { startImmediately: true })
      yield* events.commit(Effect.succeed([undefined, [removed("last")]]))
      expect(published).toEqual([...ids, ...ids, "last"])
      yield* Fiber.join(again)
    }).pipe(Effect.provide(layer())),
  )
})
