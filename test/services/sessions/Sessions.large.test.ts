import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { KeptEvent } from "../../../src/domain/Event.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { SortedSessions } from "../../../src/services/sessions/SortedSessions.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { session } from "../../support/Sessions.ts"
import { staged } from "../../support/StagedRuntime.ts"

/** A session `s` with this many messages, as long as they are. */
const transcriptOf = (count: number, text: string) =>
  Effect.gen(function* () {
    const { db } = yield* Sqlite
    const sessions = yield* Sessions
    yield* sessions.create({ key: "s" })
    const insert = db.prepare(
      "INSERT INTO messages (session_key, run_id, step, role, text, aborted, at) VALUES ('s', ?, 0, 'user', ?, 0, 0)",
    )
    db.exec("BEGIN")
    for (let n = 0; n < count; n++) insert.run(`run-${n}`, text)
    db.exec("COMMIT")
  })

/** How often the event loop came to what else there is while the effect ran. */
const turnsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let turns = 0
    let over = false
    const count = (): void => {
      turns++
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    return Effect.map(effect, (value) => {
      over = true
      return { turns, value }
    })
  })

describe("a long transcript", () => {
  it.live("is told in pages that are not too large, without a gap", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* transcriptOf(20, "x".repeat(262_144))
      const ids: Array<ReadonlyArray<number>> = []
      let before: number | undefined
      do {
        const page = yield* sessions.history("s", { limit: 9, before })
        ids.unshift(page.messages.map(({ id }) => id))
        before = page.nextBefore ?? undefined
      } while (before !== undefined)
      expect(ids.map(({ length }) => length)).toEqual([4, 4, 4, 4, 4])
      expect(ids.flat()).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
      expect((yield* sessions.preview(["s"], 20))[0]!.messages.map(({ text }) => text.length)).toEqual(
        Array.from({ length: 20 }, () => 200),
      )
    }).pipe(Effect.provide(layer())),
  )

  it.live("whose messages are longer than a page is told one by one", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* transcriptOf(2, "x".repeat(2_000_000))
      expect(yield* sessions.history("s", { limit: 9 })).toMatchObject({ messages: [{ id: 2 }], nextBefore: 2 })
      expect(yield* sessions.history("s", { limit: 9, before: 2 })).toMatchObject({
        messages: [{ id: 1 }],
        nextBefore: null,
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("is told to a run as far as a model can take it", () => {
    const stage = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* transcriptOf(50, "x".repeat(262_144))
      yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      const { turn } = yield* stage.next
      expect(turn.history.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, n) => n + 35))
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [stage.runtime] })))
  })

  for (const method of ["reset", "remove"] as const) {
    it.live(
      `lets others be served while it is ${method === "reset" ? "emptied" : "removed"}, all of it or nothing`,
      () =>
        Effect.gen(function* () {
          const sessions = yield* Sessions
          const { db } = yield* Sqlite
          yield* transcriptOf(5_000, "x")
          const left = () => db.prepare("SELECT count(*) AS n FROM messages").get()?.["n"]
          const interrupted = yield* Effect.forkChild(sessions[method]("s"))
          while (left() === 5_000) yield* Effect.yieldNow
          yield* Fiber.interrupt(interrupted)
          expect(left()).toBe(5_000)
          const { turns, value } = yield* turnsDuring(sessions[method]("s"))
          expect(value).toBe(5_000)
          expect(left()).toBe(0)
          expect(turns).toBeGreaterThan(5)
        }).pipe(Effect.provide(layer())),
    )
  }

  it.live("cannot be emptied on a disk that fails, and says so", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const { db } = yield* Sqlite
      yield* ask("x", "s")
      db.exec("PRAGMA query_only = 1")
      expect(yield* Effect.flip(sessions.reset("s"))).toMatchObject({ _tag: "StorageUnavailable" })
      db.exec("PRAGMA query_only = 0")
      expect(yield* sessions.reset("s")).toBe(2)
    }).pipe(Effect.provide(layer())),
  )
})

describe("very many changes at once", () => {
  it.live("are written in order, and let others be served in between", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const told: Array<string> = []
      yield* events.onEvent(({ event }) => {
        if (event._tag === "MemoryRemoved") told.push(event.id)
      })
      const ids = Array.from({ length: 1_000 }, (_, n) => `${n}`)
      const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })
      const all = Effect.forEach(ids, (id) => events.commit(() => [undefined, [removed(id)]]), {
        concurrency: "unbounded",
      })
      const { turns } = yield* turnsDuring(all)
      expect(turns).toBeGreaterThan(10)
      const again = yield* Effect.forkChild(all, { startImmediately: true })
      yield* events.transact(Effect.succeed([undefined, [removed("last")]] as const))
      expect(told).toEqual([...ids, ...ids, "last"])
      yield* Fiber.join(again)
    }).pipe(Effect.provide(layer())),
  )
})

describe("a list of 10,000 sessions", () => {
  it("is looked through once for a page of those that match", () => {
    let asked = 0
    const agentOf = (n: number) => {
      asked++
      return n % 100 === 0 ? "luna" : "main"
    }
    const sessions = Array.from({ length: 10_000 }, (_, n) =>
      Object.defineProperty(session(`s${n}`, { createdAt: n, updatedAt: n }), "agentId", { get: () => agentOf(n) }),
    )
    const page = new SortedSessions(sessions).page({ agentId: "luna", limit: 50 })
    expect(page).toMatchObject({ success: { total: 100 } })
    expect(asked).toBe(10_000)
  })
})
