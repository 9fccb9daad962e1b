/** The real binary while its PostgreSQL stops, crashes and comes back, under load. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { start } from "../../support/GatewayProcess.ts"
import { execute, server } from "../../support/Postgres.ts"

/** How often the server stops and how often it crashes. The environment raises it for a long run by hand. */
const ROUNDS = Number(process.env["CRASH_ROUNDS"] ?? 2)

const LANES = 8

/** Acknowledged sends between two stops. */
const SENDS = 40

interface Acknowledged {
  readonly lane: number
  readonly runId: string
}

describe("A gateway whose PostgreSQL goes away", () => {
  it.live(
    "Sends fail or wait, clients stay connected, probes say why, and nothing acknowledged is lost or doubled.",
    () =>
      Effect.gen(function* () {
        const database = yield* server()
        const gateway = yield* start({
          env: { GATEWAY_DATABASE_URL: database.url, GATEWAY_LOCK_WAIT_MS: "300", GATEWAY_LIMITS_CALLS: "1000000" },
        })
        const ready = Effect.promise(async (): Promise<any> => (await fetch(`${gateway.url}/readyz`)).json())
        const acknowledged: Array<Acknowledged> = []
        const refused: Array<string> = []
        yield* Effect.gen(function* () {
          const { calls, connected, state } = yield* GatewayClient
          yield* connected
          const states: Array<string> = []
          yield* Effect.forkChild(
            Stream.runForEach(state.changes, ({ _tag }) => Effect.sync(() => states.push(_tag))),
            { startImmediately: true },
          )
          const send = (lane: number, number: number) =>
            calls["chat.send"]({
              text: `${number}`,
              sessionKey: `lane-${lane}`,
              idempotencyKey: `${lane}/${number}`,
            }).pipe(
              Effect.tapErrorTag("StorageUnavailable", ({ detail }) => Effect.sync(() => refused.push(detail))),
              Effect.retry({ while: ({ _tag }) => _tag === "StorageUnavailable" || _tag === "SessionBusy" }),
            )
          const over = yield* Deferred.make<void>()
          const lanes = yield* Effect.forEach(
            Array.from({ length: LANES }, (_, lane) => lane),
            Effect.fnUntraced(function* (lane) {
              for (let number = 0; !(yield* Deferred.isDone(over)); number++) {
                const { runId } = yield* send(lane, number)
                acknowledged.push({ lane, runId })
              }
            }),
            { concurrency: "unbounded" },
          ).pipe(Effect.forkChild)
          const isEnough = Effect.suspend(() => {
            const count = acknowledged.length + SENDS
            const progress = Effect.repeat(Effect.sleep("10 millis"), { until: () => acknowledged.length >= count })
            return Effect.raceFirst(progress, Fiber.join(lanes))
          })
          for (let round = 0; round < 2 * ROUNDS; round++) {
            yield* isEnough
            const before = refused.length
            yield* Effect.promise(() => database.stop(round % 2 === 0 ? "fast" : "immediate"))
            const problem = yield* Effect.repeat(ready, { until: ({ ready }) => ready === false })
            expect(problem.failing).toEqual([expect.stringMatching(/^storage: .*PostgreSQL|^storage: the database/)])
            yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => refused.length > before })
            yield* Effect.promise(database.start)
            yield* Effect.repeat(ready, { until: ({ ready }) => ready === true })
          }
          yield* isEnough
          yield* Deferred.succeed(over, undefined)
          yield* Fiber.join(lanes)
          yield* Effect.forEach(acknowledged, ({ runId }) => calls["runs.wait"]({ runId }), { concurrency: 32 })
          expect(states.filter((name) => name !== "Connecting")).toEqual(["Connected"])
        }).pipe(
          Effect.provide(
            GatewayClient.layer({ url: `${gateway.url.replace("http", "ws")}/rpc`, token: gateway.token }),
          ),
        )
        const rows = yield* execute(
          database.url,
          'SELECT run_id, session_key, state FROM "causeway".turns ORDER BY pos',
        )
        expect(rows.filter(({ state }) => state !== "done")).toEqual([])
        for (let lane = 0; lane < LANES; lane++) {
          const accepted = rows.filter(({ session_key }) => String(session_key).endsWith(`lane-${lane}`))
          const ids = acknowledged.filter((sent) => sent.lane === lane).map(({ runId }) => runId)
          expect(accepted.map(({ run_id }) => run_id)).toEqual(ids)
        }
        const numbers = yield* execute(database.url, 'SELECT seq FROM "causeway".events ORDER BY seq')
        expect(numbers.map(({ seq }) => seq)).toEqual(numbers.map((_, index) => index + 1))
        expect(gateway.stderr()).toContain("cannot be reached")
        expect(gateway.stderr()).toContain("writes go on")
      }).pipe(Effect.scoped),
    { timeout: 180_000 },
  )
})
