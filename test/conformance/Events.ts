/** Events: who follows is told everything in order, and who comes back from a drop misses nothing. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../src/services/events/Events.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { open } from "./Talk.ts"

/**
 * A session of its own for each, so that none of the events may stand for another. Answers the position of the last:
 * who is present may be told at any time, and moves the head.
 */
export const happen = Effect.fnUntraced(function* (name: string, count: number, text = "hello") {
  const events = yield* Events
  const runs = yield* Runs
  let last = 0
  yield* events.onEvent(({ event, seq }) => {
    if (event._tag === "MessageAdded") last = seq
  })
  for (let i = 0; i < count; i++) yield* runs.inject({ sessionKey: `${name}-${i}`, text, role: "user" })
  return last
}, Effect.scoped)

/** As far as both have got: who was told last is not the question. */
export const alike = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => {
  const common = Math.min(a.at(-1) ?? 0, b.at(-1) ?? 0)
  const toCommon = (seqs: ReadonlyArray<number>) => seqs.filter((seq) => seq <= common)
  return [toCommon(a), toCommon(b)] as const
}

const isAscending = (seqs: ReadonlyArray<number>) => seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]!)

export const events = (driver: Driver): void => {
  describe(`${driver.name}: events`, () => {
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("tells what happens, in order, to all who follow alike", () =>
        Effect.gen(function* () {
          const [one, other] = [yield* open(driver), yield* open(driver)]
          yield* one.follow()
          yield* other.follow()
          const last = yield* happen("alike", 20)
          const [toOne, toOther] = yield* Effect.all([
            one.toldUntil((seq) => seq >= last - 1),
            other.toldUntil((seq) => seq >= last - 1),
          ])
          expect(isAscending(toOne)).toBe(true)
          const [mine, others] = alike(toOne, toOther)
          expect(mine).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(19)
        }),
      )

      it.effect("tells everything once to a client that drops and resumes where it stood", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const steady = yield* open(driver)
          yield* steady.follow()
          const first = yield* open(driver)
          yield* first.follow()
          const { epoch, seq: start } = head()
          yield* happen("before", 10)
          const seen = [...(yield* first.toldUntil((seq) => seq > start + 8))]
          first.socket.cut()
          yield* happen("away", 10)
          const second = yield* open(driver)
          seen.push(...(yield* second.follow({ epoch, seq: seen.at(-1)! })))
          const last = yield* happen("after", 10)
          seen.push(...(yield* second.toldUntil((seq) => seq >= last - 1)))
          const all = yield* steady.toldUntil((seq) => seq >= last - 1)
          const [mine, others] = alike(seen, all)
          expect(isAscending(mine)).toBe(true)
          expect(mine.filter((seq) => seq > start)).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(29)
        }),
      )

      it.effect("does not make one client wait for another's past", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const { epoch } = head()
          const hungry = yield* open(driver)
          hungry.socket.stopReading()
          hungry.socket.send(driver.subscribe(hungry.nextId(), { epoch, seq: 0 }))
          const live = yield* open(driver)
          yield* live.follow()
          const last = yield* happen("live", 5)
          expect((yield* live.toldUntil((seq) => seq >= last - 1)).length).toBeGreaterThan(0)
        }),
      )
    })
  })
}
