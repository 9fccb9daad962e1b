import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type { Agent } from "../../../../src/domain/Agent.ts"
import type { KeptEvent } from "../../../../src/domain/Event.ts"
import { openPostgres } from "../../../../src/services/storage/postgres/Postgres.ts"
import { openSession } from "../../../../src/services/storage/postgres/PostgresConnection.ts"
import { LOCK_CLASS } from "../../../../src/services/storage/postgres/PostgresMigrations.ts"
import * as PostgresStorage from "../../../../src/services/storage/postgres/PostgresStorage.ts"
import { readUrl } from "../../../../src/services/storage/postgres/PostgresUrl.ts"
import type { KeptRow, PendingWork, Storage, WriteOptions } from "../../../../src/services/storage/Storage.ts"
import { Tx, type Work } from "../../../../src/services/storage/Tx.ts"
import { AnswerSwallowingProxy } from "../../../support/AnswerSwallowingProxy.ts"
import { execute, schemaUrl, server, targetOf, withParameters } from "../../../support/Postgres.ts"
import { agent } from "../../../support/Agents.ts"

const open = (
  url: string,
  options: { readonly rows?: number; readonly ageMs?: number; readonly waitMs?: number } = {},
) =>
  Effect.map(
    PostgresStorage.open({
      url: Redacted.make(url),
      retention: { rows: options.rows ?? 1_000_000, ageMs: options.ageMs ?? 1e12 },
      waitMs: options.waitMs ?? 5_000,
    }),
    ({ storage }) => storage,
  )

const removed = (agentId: string): KeptEvent => ({ _tag: "AgentRemoved", agentId })

const agentOf = (id: string) => agent({ id, name: id, createdAt: 1, updatedAt: 1 })

/** Adds an agent and an event. */
const adds = (id: string): Work<string> =>
  Effect.flatMap(Tx, (tx) => Effect.as(tx.agents.put(agentOf(id)), [id, [removed(id)]]))

/** A log as the gateway has one: it publishes what others have committed, and what it has committed. */
const makeLog = (storage: Storage["Service"]) => {
  const published: Array<KeptRow> = []
  const hasForeign = Deferred.makeUnsafe<void>()
  const options = (): WriteOptions => ({
    at: 1_000,
    published: published.at(-1)?.number ?? 0,
    onForeign: (rows) => {
      const head = published.at(-1)?.number ?? 0
      published.push(...rows.filter(({ number }) => number > head))
      if (rows.length > 0) Deferred.doneUnsafe(hasForeign, Effect.void)
    },
  })
  const write = (...works: ReadonlyArray<Work<unknown, unknown> | PendingWork>) =>
    Effect.map(
      storage.write(
        works.map((work) => ("work" in work ? work : { name: "test", key: "one", work })),
        options(),
      ),
      (exits) => {
        for (const exit of exits) if (Exit.isSuccess(exit)) published.push(...exit.value.rows)
        return exits
      },
    )
  return {
    write,
    published,
    options,
    hasForeign: Deferred.await(hasForeign),
    numbers: () => published.map(({ number }) => number),
  }
}

const keyed = (key: string | undefined, work: Work<unknown, unknown>): PendingWork => ({ name: "test", key, work })

const agents = (storage: Storage["Service"]) =>
  Effect.map(storage.read(Effect.flatMap(Tx, (tx) => tx.agents.all)), (all) => all.map(({ id }) => id))

describe("PostgresStorage", () => {
  it.live("Events get the numbers 1, 2, 3 over groups and starts, and a page returns them.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = makeLog(yield* open(url))
          yield* log.write(adds("a"), adds("b"))
          yield* log.write(adds("c"))
          expect(log.numbers()).toEqual([1, 2, 3])
        }),
      )
      const storage = yield* open(url)
      expect(storage.newest).toEqual({ number: 3, at: 1_000 })
      const page = yield* storage.page(undefined, 1, 3, 10)
      expect(page).toEqual({
        rows: [
          { number: 2, at: 1_000, event: removed("b") },
          { number: 3, at: 1_000, event: removed("c") },
        ],
        more: false,
        dropped: 0,
      })
      expect((yield* storage.page(undefined, 0, 3, 2)).more).toBe(true)
      expect(yield* agents(storage)).toEqual(["a", "b", "c"])
    }),
  )

  it.live("Two writers share one order, and each publishes the events of the other before its works run.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const one = makeLog(yield* open(url))
      const two = makeLog(yield* open(url))
      yield* one.write(adds("a"))
      yield* two.write(adds("b"))
      let seen: ReadonlyArray<number> = []
      yield* one.write(Effect.sync(() => [(seen = one.numbers()), []] as const))
      expect(seen).toEqual([1, 2])
      const writes = (log: typeof one, name: string) =>
        Effect.forEach(Array.from({ length: 50 }), (_, index) => log.write(adds(`${name}${index}`)))
      yield* Effect.all([writes(one, "x"), writes(two, "y")], { concurrency: "unbounded" })
      yield* Effect.all([one.write(adds("end")), two.write(adds("end"))], { concurrency: "unbounded" })
      yield* one.write(adds("last"))
      expect(one.numbers()).toEqual(Array.from({ length: 105 }, (_, index) => index + 1))
      expect(two.published.slice(0, 103).map(({ event }) => event)).toEqual(
        one.published.slice(0, 103).map(({ event }) => event),
      )
    }),
  )

  it.live("A writer that has missed hundreds of events publishes all of them before its works run.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const one = makeLog(yield* open(url))
      const two = makeLog(yield* open(url))
      const many = Array.from({ length: 250 }, (_, index) => removed(`${index}`))
      yield* one.write(Effect.succeed([undefined, many]))
      yield* two.write(adds("b"))
      expect(two.numbers()).toEqual(Array.from({ length: 251 }, (_, index) => index + 1))
    }),
  )

  it.live("A work that dies after a write undoes its own writes only.", () =>
    Effect.gen(function* () {
      const storage = yield* open(yield* schemaUrl)
      const log = makeLog(storage)
      const dies = Effect.andThen(adds("dies"), Effect.die(new Error("a bug")))
      const exits = yield* log.write(keyed("1", adds("a")), keyed("2", dies), keyed("3", adds("b")))
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true])
      expect(yield* agents(storage)).toEqual(["a", "b"])
      expect(log.numbers()).toEqual([1, 2])
    }),
  )

  it.live("A work that fails before a write costs its neighbours no second run.", () =>
    Effect.gen(function* () {
      const log = makeLog(yield* open(yield* schemaUrl))
      let runs = 0
      const counted = Effect.andThen(
        Effect.sync(() => runs++),
        adds("a"),
      )
      const exits = yield* log.write(keyed("1", counted), keyed("2", Effect.fail("refused")))
      expect(exits[1]).toEqual(Exit.fail("refused"))
      expect(runs).toBe(1)
    }),
  )

  it.live("A work that goes on after a failed statement is not reported as done.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const storage = yield* open(url)
      const log = makeLog(storage)
      yield* execute(url, "ALTER TABLE agents ADD CHECK (name <> 'bad')")
      const swallows = Effect.flatMap(Tx, (tx) =>
        Effect.as(Effect.exit(tx.agents.put(agentOf("bad"))), ["done", []] as const),
      )
      const exits = yield* log.write(keyed("1", adds("a")), keyed("2", swallows), keyed("3", adds("b")))
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true])
      expect(yield* agents(storage)).toEqual(["a", "b"])
    }),
  )

  it.live("Works of one key run in order, and a work without a key runs alone.", () =>
    Effect.gen(function* () {
      const log = makeLog(yield* open(yield* schemaUrl))
      const steps: Array<string> = []
      const traced = (name: string): Work<unknown> =>
        Effect.andThen(
          Effect.sync(() => steps.push(`${name} begins`)),
          Effect.tap(adds(name), () => Effect.sync(() => steps.push(`${name} ends`))),
        )
      yield* log.write(
        keyed("x", traced("x1")),
        keyed("x", traced("x2")),
        keyed("y", traced("y1")),
        keyed(undefined, traced("alone")),
        keyed("y", traced("y2")),
      )
      expect(steps.indexOf("x1 ends")).toBeLessThan(steps.indexOf("x2 begins"))
      expect(steps.indexOf("y1 begins")).toBeLessThan(steps.indexOf("x1 ends"))
      expect(steps.slice(6)).toEqual(["alone begins", "alone ends", "y2 begins", "y2 ends"])
    }),
  )

  it.live(
    "A write during an outage reports a busy storage, health says why, and the same write succeeds afterwards.",
    () =>
      Effect.gen(function* () {
        const { start, stop, url } = yield* server()
        const storage = yield* open(url)
        const log = makeLog(storage)
        yield* log.write(adds("a"))
        yield* Effect.promise(() => stop("immediate"))
        expect(yield* Effect.flip(log.write(adds("b")))).toMatchObject({ _tag: "StorageBusy", limitMs: 5_000 })
        expect(yield* Effect.flip(log.write(adds("b")))).toMatchObject({ _tag: "StorageBusy" })
        expect(storage.problem(Date.now())).toMatch(/^the database postgres:\/\/postgres@\S+ cannot be reached/)
        yield* Effect.promise(start)
        yield* log.write(adds("b"))
        expect(storage.problem(Date.now())).toBeNull()
        expect(log.numbers()).toEqual([1, 2])
        expect(yield* agents(storage)).toEqual(["a", "b"])
      }),
  )

  it.live("A commit whose answer is lost is reported as done if the server has made it.", () =>
    Effect.gen(function* () {
      const { tcpUrl } = yield* server({ tcp: true })
      const proxy = yield* AnswerSwallowingProxy.make(tcpUrl)
      const storage = yield* open(proxy.url)
      const log = makeLog(storage)
      proxy.swallowAfter("INSERT INTO events")
      let runs = 0
      const counted = Effect.andThen(
        Effect.sync(() => runs++),
        adds("a"),
      )
      const [exit] = yield* log.write(counted)
      expect(exit).toMatchObject({ _tag: "Success", value: { answer: "a" } })
      expect(proxy.swallowed()).toBe(1)
      expect(runs).toBe(1)
      expect(log.numbers()).toEqual([1])
      yield* log.write(adds("b"))
      expect(log.numbers()).toEqual([1, 2])
    }),
  )

  it.live("A commit without events whose answer is lost is found again, too.", () =>
    Effect.gen(function* () {
      const { tcpUrl } = yield* server({ tcp: true })
      const proxy = yield* AnswerSwallowingProxy.make(tcpUrl)
      const log = makeLog(yield* open(proxy.url))
      proxy.swallowAfter("INSERT INTO writers")
      let runs = 0
      const silent = Effect.flatMap(Tx, (tx) => {
        runs++
        return Effect.as(tx.agents.put(agentOf("a")), ["a", []] as const)
      })
      const [exit] = yield* log.write(silent)
      expect(exit).toMatchObject({ _tag: "Success", value: { answer: "a", rows: [] } })
      expect(runs).toBe(1)
    }),
  )

  it.live("A commit that the server has not made runs again.", () =>
    Effect.gen(function* () {
      const { tcpUrl } = yield* server({ tcp: true })
      const proxy = yield* AnswerSwallowingProxy.make(tcpUrl)
      const storage = yield* open(proxy.url)
      const log = makeLog(storage)
      proxy.cutBefore("INSERT INTO events")
      const [exit] = yield* log.write(adds("a"))
      expect(exit).toMatchObject({ _tag: "Success", value: { answer: "a" } })
      expect(log.numbers()).toEqual([1])
      expect(yield* agents(storage)).toEqual(["a"])
    }),
  )

  it.live("A commit in doubt fails if the server stays away, and its events appear when the server is back.", () =>
    Effect.gen(function* () {
      const { start, stop, tcpUrl } = yield* server({ tcp: true })
      const proxy = yield* AnswerSwallowingProxy.make(tcpUrl)
      const log = makeLog(yield* open(proxy.url, { waitMs: 300 }))
      proxy.swallowAfter("INSERT INTO events", () => stop("immediate"))
      expect(yield* Effect.flip(log.write(adds("a")))).toMatchObject({
        _tag: "StorageUnavailable",
        detail: expect.stringContaining("may have been made"),
      })
      yield* Effect.promise(start)
      // No other write has to come.
      yield* log.hasForeign
      expect(log.published.map(({ event }) => event)).toEqual([removed("a")])
      yield* log.write(adds("b"))
      expect(log.published.map(({ event }) => event)).toEqual([removed("a"), removed("b")])
    }),
  )

  it.live("A writer that freezes inside its transaction holds up the others for some seconds only.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const log = makeLog(yield* open(url))
      const { schemaId, writer } = yield* openPostgres(yield* readUrl(Redacted.make(url)))
      yield* writer.query("BEGIN")
      yield* writer.query("SELECT pg_advisory_xact_lock($1::int, $2::int)", [LOCK_CLASS, schemaId | 0])
      const [exit] = yield* log.write(adds("a"))
      expect(exit).toMatchObject({ _tag: "Success" })
      // The server has ended its session.
      expect(yield* Effect.flip(writer.query("COMMIT"))).toMatchObject({ _tag: "SqlError" })
    }),
  )

  for (const hasWritten of [false, true]) {
    it.live(
      `A work that waits ${hasWritten ? "after" : "before"} its first write dies, and its neighbours go on.`,
      () =>
        Effect.gen(function* () {
          const log = makeLog(yield* open(yield* schemaUrl))
          const thaws = yield* Deferred.make<void>()
          const waits = Effect.andThen(Deferred.await(thaws), adds("late"))
          const stuck = hasWritten ? Effect.andThen(adds("early"), waits) : waits
          const exits = yield* log.write(keyed("one", adds("a")), keyed("two", stuck), keyed("two", adds("b")))
          expect(exits.map(({ _tag }) => _tag)).toEqual(["Success", "Failure", "Success"])
          const message = "a change of test waited for something other than the database"
          expect(exits[1]).toEqual(Exit.die(new Error(message)))
          yield* Deferred.succeed(thaws, undefined)
          const [agents] = yield* log.write(Effect.flatMap(Tx, (tx) => Effect.map(tx.agents.all, (all) => [all, []])))
          const ids = Exit.isSuccess(agents!) ? (agents.value.answer as ReadonlyArray<Agent>).map(({ id }) => id) : []
          expect(ids.toSorted()).toEqual(["a", "b"])
          expect(log.published.map(({ event }) => event)).toEqual([removed("a"), removed("b")])
        }),
    )
  }

  it.live("Commits reach the disk, whatever the default of the server is.", () =>
    Effect.gen(function* () {
      const url = withParameters(yield* schemaUrl, { options: "-c synchronous_commit=off" })
      const session = yield* openSession(yield* targetOf(url), { name: "test", settings: {} })
      expect((yield* session.query("SHOW synchronous_commit")).rows).toEqual([{ synchronous_commit: "on" }])
    }),
  )

  it.live("Retention drops old events in steps, pages show the mark, and an empty log does not start over.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const storage = yield* open(url, { rows: 10 })
      const log = makeLog(storage)
      for (let n = 0; n < 25; n++) yield* log.write(adds(`a${n}`))
      const page = yield* storage.page(undefined, 0, 25, 100)
      expect(page.dropped).toBeGreaterThanOrEqual(13)
      expect(page.rows.map(({ number }) => number)).toEqual(log.numbers().slice(page.dropped))
      yield* execute(url, "DELETE FROM events", "UPDATE event_log SET dropped = 25")
      const later = yield* open(url)
      expect(later.newest.number).toBe(25)
      const [exit] = yield* makeLog(later).write(adds("z"))
      expect(exit).toMatchObject({ value: { rows: [{ number: 26 }] } })
    }),
  )

  it.live("Retention drops events by age when an empty group is written.", () =>
    Effect.gen(function* () {
      const storage = yield* open(yield* schemaUrl, { ageMs: 100 })
      yield* makeLog(storage).write(adds("a"), adds("b"))
      expect(storage.isOverdue(1_050)).toBe(false)
      expect(storage.isOverdue(1_200)).toBe(true)
      yield* storage.write([], { at: 1_200, published: 2, onForeign: () => {} })
      expect(storage.dropped()).toBe(2)
      expect(storage.isOverdue(1_200)).toBe(false)
    }),
  )

  it.live("An interrupted caller does not end a group in the middle.", () =>
    Effect.gen(function* () {
      const storage = yield* open(yield* schemaUrl)
      const log = makeLog(storage)
      const begun = yield* Deferred.make<void>()
      const slow = Effect.andThen(Deferred.succeed(begun, undefined), adds("a"))
      const fiber = yield* Effect.forkChild(log.write(slow))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(yield* agents(storage)).toEqual(["a"])
    }),
  )
})
