/** Compares SortedSessions with a model that filters and sorts all sessions for each query. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type { Session, SessionPage, SessionQuery, SessionSort } from "../../../src/domain/Session.ts"
import { SortedSessions } from "../../../src/services/sessions/SortedSessions.ts"
import { session } from "../../support/Sessions.ts"

const Few = Schema.Literals([1, 2, 3])
const Facts = Schema.Struct({
  agentId: Schema.Literals(["main", "luna"]),
  kind: Schema.Literals(["session", "direct"]),
  channel: Schema.NullOr(Schema.Literals(["web", "mail"])),
  activity: Schema.Literals(["idle", "queued", "running"]),
  label: Schema.NullOr(Schema.Literals(["Red", "blue"])),
  lastMessage: Schema.NullOr(Schema.Literals(["reD hat", "hello"])),
  messageCount: Few,
  createdAt: Few,
  updatedAt: Few,
})
const Change = Schema.Struct({
  key: Schema.Literals(["a", "b", "c", "d", "e", "f", "g", "h", "red"]),
  facts: Schema.NullOr(Facts),
})
const Sort = Schema.Literals(["updatedAt", "createdAt", "key", "messageCount"])
const Query = Schema.Struct({
  agentId: Schema.optionalKey(Facts.fields.agentId),
  kind: Schema.optionalKey(Facts.fields.kind),
  channel: Schema.optionalKey(Schema.Literals(["web", "mail"])),
  activity: Schema.optionalKey(Facts.fields.activity),
  search: Schema.optionalKey(Schema.Literals(["", "RED", "a", "hell"])),
  updatedSince: Schema.optionalKey(Few),
  sortBy: Schema.optionalKey(Sort),
  order: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  limit: Schema.optionalKey(Few),
})

const apply = (list: SortedSessions, changes: ReadonlyArray<typeof Change.Type>) => {
  const expected = new Map<string, Session>()
  for (const { facts, key } of changes) {
    if (facts === null) {
      list.remove(key)
      expected.delete(key)
    } else {
      list.put(session(key, facts))
      expected.set(key, session(key, facts))
    }
  }
  return [...expected.values()]
}

const expectedOf = (sessions: ReadonlyArray<Session>, query: SessionQuery): ReadonlyArray<string> => {
  const part = query.search?.toLowerCase() ?? ""
  const sortBy = query.sortBy ?? "updatedAt"
  const sign = (query.order ?? (sortBy === "key" ? "asc" : "desc")) === "asc" ? 1 : -1
  const less = (a: Session, b: Session) => a[sortBy] < b[sortBy] || (a[sortBy] === b[sortBy] && a.key < b.key)
  return sessions
    .filter((one) => query.agentId === undefined || one.agentId === query.agentId)
    .filter((one) => query.kind === undefined || one.kind === query.kind)
    .filter((one) => query.channel === undefined || one.channel === query.channel)
    .filter((one) => query.activity === undefined || one.activity === query.activity)
    .filter((one) => query.updatedSince === undefined || one.updatedAt >= query.updatedSince)
    .filter((one) => `${one.key}\n${one.displayName}\n${one.label}\n${one.lastMessage}`.toLowerCase().includes(part))
    .toSorted((a, b) => (less(a, b) ? -sign : sign))
    .map(({ key }) => key)
}

const pageOf = (list: SortedSessions, query: SessionQuery): SessionPage => Effect.runSync(list.page(query))

const walk = (list: SortedSessions, query: SessionQuery): ReadonlyArray<SessionPage> => {
  const pages = [pageOf(list, query)]
  for (let cursor = pages[0]!.nextCursor; cursor !== null; cursor = pages.at(-1)!.nextCursor) {
    pages.push(pageOf(list, { ...query, cursor }))
  }
  return pages
}

const keys = (pages: ReadonlyArray<SessionPage>) => pages.flatMap(({ sessions }) => sessions.map(({ key }) => key))

describe("SortedSessions", () => {
  it.prop(
    "The pages of any query equal the filtered and sorted list of all sessions.",
    [Schema.Array(Change), Schema.Array(Query)],
    ([changes, queries]) => {
      const list = new SortedSessions([])
      const sessions = apply(list, changes)
      expect(list.size).toBe(sessions.length)
      for (const query of queries) {
        const pages = walk(list, query)
        const expected = expectedOf(sessions, query)
        expect(keys(pages)).toEqual(expected)
        for (const { total } of pages) expect(total).toBe(expected.length)
        for (const { sessions } of pages.slice(0, -1)) expect(sessions.length).toBe(query.limit ?? 50)
      }
    },
    { arbitrary: { runs: 500, size: 20 } },
  )

  it.prop(
    "Every order stays sorted while sessions change, appear and disappear.",
    [Schema.Array(Sort), Schema.Array(Change)],
    ([sorts, changes]) => {
      const list = new SortedSessions([])
      for (const sortBy of sorts) pageOf(list, { sortBy })
      const sessions = apply(list, changes)
      for (const sortBy of ["updatedAt", "createdAt", "key", "messageCount"] satisfies Array<SessionSort>) {
        expect(keys([pageOf(list, { sortBy })])).toEqual(expectedOf(sessions, { sortBy }))
      }
    },
    { arbitrary: { runs: 500, size: 30 } },
  )

  it.prop(
    "Changes between two pages neither skip nor repeat an unchanged session.",
    [Schema.Array(Change), Schema.Array(Change), Query],
    ([before, between, query]) => {
      const list = new SortedSessions([])
      apply(list, before)
      const first = pageOf(list, query)
      if (first.nextCursor === null) return
      const untouched = expectedOf([...list.values()], query).filter(
        (key) => !between.some((change) => change.key === key),
      )
      apply(list, between)
      const rest = walk(list, { ...query, cursor: first.nextCursor })
      const seen = keys([first, ...rest]).filter((key) => untouched.includes(key))
      expect(seen).toEqual(untouched)
    },
    { arbitrary: { runs: 500, size: 20 } },
  )

  it("A cursor of another order is refused.", () => {
    const list = new SortedSessions([session("a"), session("b")])
    const cursor = pageOf(list, { limit: 1 }).nextCursor!
    const refused: ReadonlyArray<SessionQuery> = [
      { cursor, sortBy: "key" },
      { cursor, order: "asc" },
      { cursor: "nonsense" },
      { cursor: "[]" },
      { cursor: '["updatedAt","desc","x","a"]' },
    ]
    for (const query of refused) {
      expect(Effect.runSync(Effect.flip(list.page(query)))).toMatchObject({ _tag: "CursorInvalid" })
    }
  })

  it("A page and a change of 10,000 sessions read fewer than 100 of them.", () => {
    let reads = 0
    const counted = Array.from({ length: 10_000 }, (_, n) => {
      const one = session(`s${n}`)
      Object.defineProperty(one, "updatedAt", {
        get: () => {
          reads++
          return n
        },
      })
      return one
    })
    const list = new SortedSessions(counted)
    pageOf(list, {})
    reads = 0
    const first = pageOf(list, {})
    const second = pageOf(list, { cursor: first.nextCursor! })
    expect(keys([first, second])).toEqual(Array.from({ length: 100 }, (_, n) => `s${9_999 - n}`))
    expect(reads).toBeLessThan(100)
    reads = 0
    list.put(session("s5000", { updatedAt: 20_000 }))
    expect(pageOf(list, { limit: 1 }).sessions[0]!.key).toBe("s5000")
    expect(reads).toBeLessThan(100)
  })

  it.effect("Sessions that change while an order is built are in their places.", () =>
    Effect.gen(function* () {
      const list = new SortedSessions(
        Array.from({ length: 10_000 }, (_, n) => session(`s${n}`, { updatedAt: (n * 7_919) % 10_000 })),
      )
      const building = yield* Effect.forkChild(list.page({ limit: 10_000 }))
      let steps = 0
      for (; building.pollUnsafe() === undefined; steps++) {
        list.put(session(`s${steps}`, { updatedAt: 20_000 - steps }))
        list.put(session(`s${steps}`, { updatedAt: 5_000 + steps }))
        list.put(session(`new${steps}`, { updatedAt: 3_000 + steps }))
        list.remove(`s${9_000 + steps}`)
        list.remove(`new${steps - 2}`)
        yield* Effect.yieldNow
      }
      expect(steps).toBeGreaterThan(10)
      expect(keys([yield* Fiber.join(building)])).toEqual(expectedOf([...list.values()], {}))
      const { sessions } = yield* list.page({ limit: 20_000 })
      expect(sessions.map(({ key }) => key)).toEqual(expectedOf([...list.values()], {}))
    }),
  )

  it.effect("A search lets other work run, and does not see its changes.", () =>
    Effect.gen(function* () {
      const list = new SortedSessions(Array.from({ length: 10_000 }, (_, n) => session(`s${n}`, { label: "x" })))
      yield* list.page({})
      const searching = yield* Effect.forkChild(list.page({ search: "x" }))
      yield* Effect.yieldNow
      expect(searching.pollUnsafe()).toBeUndefined()
      for (let n = 0; n < 10_000; n++) list.remove(`s${n}`)
      expect((yield* Fiber.join(searching)).total).toBe(10_000)
      expect((yield* list.page({ search: "x" })).total).toBe(0)
    }),
  )

  it("A filter tests each of 10,000 sessions once.", () => {
    let tested = 0
    const agentOf = (n: number) => {
      tested++
      return n % 100 === 0 ? "luna" : "main"
    }
    const sessions = Array.from({ length: 10_000 }, (_, n) =>
      Object.defineProperty(session(`s${n}`, { createdAt: n, updatedAt: n }), "agentId", { get: () => agentOf(n) }),
    )
    expect(pageOf(new SortedSessions(sessions), { agentId: "luna", limit: 50 }).total).toBe(100)
    expect(tested).toBe(10_000)
  })
})
