/** Conformance of slow readers: such a client is closed with the position to resume from, and loses nothing. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Connections } from "../../src/services/connections/Connections.ts"
import { Events } from "../../src/services/events/Events.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { open, resume } from "./Client.ts"
import type { Driver } from "./Driver.ts"
import { addMessages, commonPart } from "./Events.ts"

const OUTBOX_BYTES = 262_144

/** More messages than the outbox and the buffers of the kernel can hold. */
const MESSAGES_MAX = 400

/** Long texts fill the buffers of the kernel. Lists show 200 characters of a text, so there are many messages. */
const TEXT = "x".repeat(200_000)

export const slowReader = (driver: Driver): void => {
  describe(`${driver.name}: a slow reader`, () => {
    const gateway = TestGateway.layer({ ...driver.gateway, limits: { outboxBytes: OUTBOX_BYTES } })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      it.effect("A client that stops reading is closed with its resume position, and resumes without a gap.", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const connections = yield* Connections
          const steady = yield* open(driver)
          yield* steady.subscribe()
          const slow = yield* open(driver)
          yield* slow.subscribe()
          const { epoch, seq: start } = head()
          const all: Array<number> = []
          const add = Effect.fnUntraced(function* (name: string, count: number) {
            const last = yield* addMessages(name, count, TEXT)
            all.push(...(yield* steady.eventsUntil((seq) => seq >= last)))
            return last
          })
          slow.socket.stopReading()
          let added = 0
          while (connections.size() > 1 && added < MESSAGES_MAX) yield* add(`slow-${added++}`, 1)
          expect(added).toBeLessThan(MESSAGES_MAX)
          // The gateway cuts a client that takes no close frame for seconds. This one reads again at once.
          slow.socket.goOnReading()
          const { code, reason } = yield* slow.socket.closed
          yield* add("missed", 10)

          expect(code).toBe(driver.closes.slowConsumer.code)
          const [, words, at, seq] = /^(.+): resume from ([^:]+):(\d+)$/.exec(reason) ?? []
          expect([words, at]).toEqual([driver.closes.slowConsumer.reason, epoch])
          const seen = slow.socket.rest
            .flatMap((frame) => driver.decode(frame))
            .flatMap((received) => (received._tag === "Event" ? [received.seq] : []))
          expect(Math.max(start, ...seen)).toBeLessThanOrEqual(Number(seq))

          const { client: again, seqs } = yield* resume(driver, { epoch, seq: Number(seq) })
          const last = yield* add("after", 1)
          seen.push(...seqs, ...(yield* again.eventsUntil((seq) => seq >= last)))
          const [mine, others] = commonPart(seen, all)
          expect(mine).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(added + 10)
        }),
      )
    })
  })
}
