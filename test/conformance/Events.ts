/** Conformance of events: subscribers receive all events in order, and a client that resumes misses none. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../src/services/events/Events.ts"
import { numberAt } from "../../src/services/events/Positions.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { open, openStuck, resume } from "./Client.ts"
import type { Driver } from "./Driver.ts"

/**
 * Adds one message to each of `count` new sessions, so that no event replaces another. Returns the position of the event
 * that opened the last session. Every dialect sends it, or an event after it.
 */
export const addMessages = Effect.fnUntraced(function* (name: string, count: number, text = "hello") {
  const events = yield* Events
  const runs = yield* Runs
  let last = 0
  yield* events.onEvent(({ event, seq }) => {
    if (event._tag === "SessionOpened") last = seq
  })
  for (let i = 0; i < count; i++) yield* runs.inject({ sessionKey: `${name}-${i}`, text, role: "user" })
  return last
}, Effect.scoped)

/** Returns both lists up to the last position that both clients can have received. */
export const commonPart = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => {
  const last = Math.min(a.at(-1) ?? 0, b.at(-1) ?? 0)
  const upToLast = (seqs: ReadonlyArray<number>) => seqs.filter((seq) => seq <= last)
  return [upToLast(a), upToLast(b)] as const
}

const isAscending = (seqs: ReadonlyArray<number>) => seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]!)

export const events = (driver: Driver): void => {
  describe(`${driver.name}: events`, () => {
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("Two subscribers receive the same events in the same order.", () =>
        Effect.gen(function* () {
          const [one, other] = [yield* open(driver), yield* open(driver)]
          yield* one.subscribe()
          yield* other.subscribe()
          const last = yield* addMessages("alike", 20)
          const [toOne, toOther] = yield* Effect.all([
            one.eventsUntil((seq) => seq >= last),
            other.eventsUntil((seq) => seq >= last),
          ])
          expect(isAscending(toOne)).toBe(true)
          const [mine, others] = commonPart(toOne, toOther)
          expect(mine).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(19)
        }),
      )

      it.effect("A client that drops and resumes from its last position receives every event once.", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const steady = yield* open(driver)
          yield* steady.subscribe()
          const first = yield* open(driver)
          yield* first.subscribe()
          const { epoch, seq: start } = head()
          yield* addMessages("before", 10)
          const seen = [...(yield* first.eventsUntil((seq) => numberAt(seq) > numberAt(start) + 8))]
          first.socket.cut()
          yield* addMessages("away", 10)
          const { client: second, seqs } = yield* resume(driver, { epoch, seq: seen.at(-1)! })
          seen.push(...seqs)
          const last = yield* addMessages("after", 10)
          seen.push(...(yield* second.eventsUntil((seq) => seq >= last)))
          const all = yield* steady.eventsUntil((seq) => seq >= last)
          const [mine, others] = commonPart(seen, all)
          expect(isAscending(mine)).toBe(true)
          expect(mine.filter((seq) => seq > start)).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(29)
        }),
      )

      it.effect("The replay of one client does not delay the live events of another.", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const { epoch } = head()
          yield* openStuck(driver, { epoch, seq: 0 })
          const live = yield* open(driver)
          yield* live.subscribe()
          const last = yield* addMessages("live", 5)
          expect((yield* live.eventsUntil((seq) => seq >= last)).length).toBeGreaterThan(0)
        }),
      )
    })
  })
}
