import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { KeptEvent } from "../../../../src/domain/Event.ts"
import { Events } from "../../../../src/services/events/Events.ts"
import { WORKS_AT_ONCE } from "../../../../src/services/storage/sqlite/GroupTransaction.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { isDefect, layer, observed, nameOf, removed } from "../../../support/EventLogs.ts"
import { until } from "../../../support/Ticks.ts"

/** A work that counts itself, and the most works in one turn of the event loop. */
const makeCounter = () => {
  const counter = { works: 0, most: 0 }
  let inTurn = 0
  const count = (event: KeptEvent): readonly [undefined, ReadonlyArray<KeptEvent>] => {
    if (inTurn === 0) {
      setImmediate(() => {
        inTurn = 0
      })
    }
    counter.works++
    counter.most = Math.max(counter.most, ++inTurn)
    return [undefined, [event]]
  }
  return { counter, count }
}

const GROUP = 60
const ids = Array.from({ length: GROUP }, (_, n) => `${n}`)

describe("A group of works", () => {
  it.live("A turn of the event loop takes a few works of it, and reads wait for its end.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const { count, counter } = makeCounter()
      const commits = Effect.forEach(ids, (id) => events.commit(Effect.sync(() => count(removed(id)))), {
        concurrency: "unbounded",
      })
      const group = yield* Effect.forkChild(commits, { startImmediately: true })
      yield* until(() => counter.works > 0)
      expect(db.isTransaction).toBe(true)
      expect(yield* events.read(Effect.sync(() => [db.isTransaction, counter.works]))).toEqual([false, GROUP])
      yield* Fiber.join(group)
      expect(counter).toEqual({ works: GROUP, most: WORKS_AT_ONCE })
    }).pipe(Effect.provide(layer)),
  )

  it.live("A work that fails in a later turn of the event loop undoes its own writes only.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const seen = yield* observed
      db.exec("CREATE TABLE notes (text TEXT)")
      const note = (id: string) =>
        events.commit(
          Effect.sync(() => {
            db.exec(`INSERT INTO notes VALUES ('${id}')`)
            if (Number(id) % WORKS_AT_ONCE === 1) throw new Error("a bug")
            return [undefined, [removed(id)]]
          }),
        )
      const exits = yield* Effect.forEach(ids, (id) => Effect.exit(note(id)), { concurrency: "unbounded" })
      const written = ids.filter((_, n) => n % WORKS_AT_ONCE !== 1)
      expect(ids.filter((_, n) => Exit.isSuccess(exits[n]!))).toEqual(written)
      expect(exits.filter(isDefect)).toHaveLength(GROUP - written.length)
      expect(db.prepare("SELECT text FROM notes").all()).toEqual(written.map((text) => ({ text })))
      expect(seen.map(nameOf)).toEqual(written)
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})
