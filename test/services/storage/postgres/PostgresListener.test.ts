import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { listen } from "../../../../src/services/storage/postgres/PostgresListener.ts"
import { layer, open } from "../../../../src/services/storage/postgres/PostgresStorage.ts"
import { openSession } from "../../../../src/services/storage/postgres/PostgresConnection.ts"
import { execute, schemaUrl, server, targetOf } from "../../../support/Postgres.ts"

const options = (url: string) => ({
  url: Redacted.make(url),
  retention: { rows: 1_000_000, ageMs: 1e12 },
  waitMs: 5_000,
})

describe("PostgresListener", () => {
  it.live("A second gateway with the same schema is refused, and starts when the first has ended.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const first = yield* Scope.make()
      yield* Scope.provide(Layer.build(layer(options(url))), first)
      const { message } = yield* Effect.flip(Layer.build(layer(options(url))))
      expect(message).toMatch(/^another gateway uses the schema test_\w+ of the database postgres:.*\?schema=second$/)
      yield* Scope.close(first, Exit.void)
      yield* Layer.build(layer(options(url)))
    }),
  )

  it.live("A gateway learns that another one has taken its schema while it was cut off.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      const { health, postgres } = yield* open(options(url))
      const lost = yield* listen({ postgres, health, onWake: () => {}, returnAttempts: 1 })
      const taken = yield* openSession(yield* targetOf(url), { name: "another gateway", settings: {} })
      const [lock] = yield* execute(
        url,
        `SELECT classid::bigint AS class, objid::bigint AS id, pid FROM pg_locks WHERE locktype = 'advisory'
         AND objid::bigint = ${postgres.schemaId}`,
      )
      yield* taken.query(
        `SELECT pg_terminate_backend(${Number(lock?.["pid"])}),
         pg_advisory_lock(${Number(lock?.["class"])}, ${Number(lock?.["id"])})`,
      )
      expect((yield* Effect.flip(lost)).message).toContain("another gateway uses the schema")
    }),
  )

  it.live("The loss of an idle server is a problem at once, and its return ends the problem.", () =>
    Effect.gen(function* () {
      const { start, stop, url } = yield* server()
      const { health, postgres, storage } = yield* open(options(url))
      let woken = yield* Deferred.make<void>()
      const onWake = () => Deferred.doneUnsafe(woken, Effect.void)
      const untilProblem = (isThere: boolean) =>
        Effect.repeat(Effect.sleep("20 millis"), { until: () => (storage.problem(Date.now()) !== null) === isThere })
      yield* listen({ postgres, health, onWake })
      yield* Effect.promise(() => stop("fast"))
      yield* untilProblem(true)
      yield* Effect.promise(start)
      yield* untilProblem(false)
      woken = yield* Deferred.make<void>()
      yield* execute(url, `SELECT pg_notify('${postgres.channel}', '1')`)
      yield* Deferred.await(woken)
    }),
  )
})
