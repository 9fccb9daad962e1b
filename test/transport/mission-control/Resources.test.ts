/** Resources: the calls and results of each query, with a stub of the contract. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Document } from "../../../src/domain/Memory.ts"
import { SortedSessions } from "../../../src/services/sessions/SortedSessions.ts"
import type { Fault } from "../../../src/transport/dialect/Fault.ts"
import { Contract, type Query } from "../../../src/transport/dialect/Query.ts"
import * as Resources from "../../../src/transport/mission-control/Resources.ts"
import { session } from "../../support/Sessions.ts"

/** Runs a query with a table of methods. Each method gets its parameters. */
const answer = <A>(query: Query<A>, methods: { readonly [method: string]: (params: any) => unknown }): A =>
  Effect.runSync(run(query, (method, params) => Effect.sync(() => methods[method]!(params))))

const run = <A>(query: Query<A>, call: Contract["Service"]["call"]) =>
  Effect.provideService(query, Contract, Contract.calling(call))

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 599 }))

describe("Resources.sessions", () => {
  it.prop(
    "Every session is in the result once, even if sessions change between the pages.",
    [Schema.Array(Schema.Array(Index))],
    ([changes]) => {
      const count = 600
      const list = new SortedSessions(Array.from({ length: count }, (_, i) => session(`s${i}`, { updatedAt: i })))
      let now = count
      let page = 0
      const { sessions } = answer(Resources.sessions(), {
        "sessions.list": (query) => {
          const found = Effect.runSync(list.page(query))
          for (const i of changes[page++] ?? []) list.put(session(`s${i}`, { updatedAt: now++ }))
          return found
        },
      })
      expect(new Set(sessions.map(({ key }) => key)).size).toBe(count)
      expect(sessions.length).toBe(count)
    },
    { arbitrary: { runs: 100, size: 30 } },
  )

  it("A session without a kind and a name gets defaults.", () => {
    const { sessions } = answer(Resources.sessions(), {
      "sessions.list": () => ({
        sessions: [session("x", { kind: "", displayName: "", updatedAt: 1 })],
        nextCursor: null,
        total: 1,
      }),
    })
    expect(sessions).toEqual([
      {
        key: "x",
        kind: "session",
        displayName: "Unknown",
        label: null,
        updatedAt: 1,
        model: null,
        contextTokens: 0,
        totalTokens: 0,
        parentKey: null,
      },
    ])
  })
})

describe("Resources.logs", () => {
  it("The query reads a hundred entries and returns them newest first.", () => {
    const received: Array<unknown> = []
    const entry = (id: number) => ({ id, at: 1_000 + id, level: "info", source: "x", message: `m${id}` })
    const { logs } = answer(Resources.logs(), {
      "logs.tail": (params) => {
        received.push(params)
        return { entries: [entry(1), entry(2)], head: 2, truncated: false }
      },
    })
    expect(received).toEqual([{ limit: 100 }])
    expect(logs).toEqual([
      { id: "log-1002-2", timestamp: 1_002, level: "info", message: "m2", source: "x" },
      { id: "log-1001-1", timestamp: 1_001, level: "info", message: "m1", source: "x" },
    ])
  })
})

const document = (id: string, size: number): Document => ({ id, size, modifiedAt: 1 })

describe("Resources.files", () => {
  const documents = [document("new", 4_000_000), document("gone", 1), document("big", 8_000_000), document("old", 5)]
  const methods = {
    "memory.list": () => ({ documents }),
    "memory.read": ({ id }: { readonly id: string }) => ({ ...document(id, 1), content: id }),
  }

  it("A list omits a document that was removed in the meantime.", () => {
    const gone: Fault = { _tag: "Domain", error: { _tag: "DocumentNotFound", id: "gone" } }
    const call = (method: string, params: unknown) =>
      method === "memory.read" && (params as { readonly id: string }).id === "gone"
        ? Effect.fail(gone)
        : Effect.sync(() => methods[method as keyof typeof methods](params as { readonly id: string }))
    const { memories } = Effect.runSync(run(Resources.memory(), call))
    expect(memories.map(({ id }) => id)).toEqual(["new", "big", "old"])
  })

  it("A list is marked as truncated if documents do not fit.", () => {
    const { files, truncated } = answer(Resources.files(), methods)
    expect(files.map(({ id }) => id)).toEqual(["new", "gone", "old"])
    expect(truncated).toBe(true)
  })

  it("A list fails with the fault of the folder.", () => {
    const fault: Fault = { _tag: "Domain", error: { _tag: "MemoryUnavailable" } }
    const result = Effect.runSync(Effect.result(run(Resources.files(), () => Effect.fail(fault))))
    expect(result).toEqual(Result.fail(fault))
  })

  it.prop(
    "The chosen documents never exceed the budget, and no omitted document would fit.",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })))],
    ([sizes]) => {
      const all = sizes.map((size, i) => document(`d${i}`, size))
      const chosen = Resources.fitting(all, 150)
      const bytes = chosen.reduce((sum, { size }) => sum + size, 0)
      expect(bytes).toBeLessThanOrEqual(150)
      for (const left of all.filter((one) => !chosen.includes(one))) expect(bytes + left.size).toBeGreaterThan(150)
      expect(all.filter((one) => chosen.includes(one))).toEqual(chosen)
    },
    { arbitrary: { runs: 300, size: 20 } },
  )
})
