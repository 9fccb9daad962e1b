import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as PostgresStorage from "../../../../src/services/storage/postgres/PostgresStorage.ts"
import type { Storage } from "../../../../src/services/storage/Storage.ts"
import { Tx } from "../../../../src/services/storage/Tx.ts"
import { schemaUrl } from "../../../support/Postgres.ts"
import { type RunWork, storesContract } from "../StoresContract.ts"

const open = Effect.flatMap(schemaUrl, (url) =>
  Effect.orDie(
    Effect.map(
      PostgresStorage.open({ url: Redacted.make(url), retention: { rows: 1_000_000, ageMs: 1e12 }, waitMs: 5_000 }),
      ({ storage }) => storage,
    ),
  ),
)

/** Runs a work alone and returns its answer. */
const runOn =
  (storage: Storage["Service"]): RunWork =>
  <A>(work: Effect.Effect<A, unknown, Tx>) =>
    Effect.gen(function* () {
      const group = [{ name: "test", key: undefined, work: Effect.map(work, (answer) => [answer, []] as const) }]
      const [exit] = yield* storage.write(group, { at: 1, published: 0, onForeign: () => {} })
      return (yield* exit!).answer as A
    }).pipe(Effect.orDie)

storesContract("PostgreSQL", Effect.map(open, runOn))

it.live("A read cannot write.", () =>
  Effect.gen(function* () {
    const storage = yield* open
    const document = { id: "a.md", size: 1, modifiedAt: 1 }
    const written = yield* Effect.exit(storage.read(Effect.flatMap(Tx, (tx) => tx.documents.put([document]))))
    expect(written._tag).toBe("Failure")
    expect(yield* storage.read(Effect.flatMap(Tx, (tx) => tx.documents.all))).toEqual([])
  }),
)
