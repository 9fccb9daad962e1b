/**
 * Load on a gateway process that stands on PostgreSQL: lanes that send one message after another, each with a key, and
 * repeat a send that fails. The tests that kill the gateway or its database use it.
 */
import { expect } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { execute } from "./Postgres.ts"

const LANES = 8

/** Acknowledged sends between two faults. */
const SENDS = 40

/** The options of the gateway: writes fail soon without their database, and the lanes may call as often as they can. */
export const environment = { GATEWAY_LOCK_WAIT_MS: "300", GATEWAY_LIMITS_CALLS: "1000000" }

/** Starts the lanes. */
export const startLoad = Effect.gen(function* () {
  const { calls, connected } = yield* GatewayClient
  yield* connected
  const acknowledged = Array.from({ length: LANES }, (): Array<string> => [])
  const refused: Array<string> = []
  const count = () => acknowledged.reduce((sum, { length }) => sum + length, 0)
  const send = (lane: number, number: number) =>
    calls["chat.send"]({
      text: `/slow 10 ${number}`,
      sessionKey: `lane-${lane}`,
      idempotencyKey: `${lane}/${number}`,
    }).pipe(
      Effect.tapErrorTag("StorageUnavailable", ({ detail }) => Effect.sync(() => refused.push(detail))),
      Effect.catchTag("RpcClientError", (error) => Effect.andThen(connected, Effect.fail(error))),
      Effect.retry({
        while: ({ _tag }) => ["RpcClientError", "ShuttingDown", "SessionBusy", "StorageUnavailable"].includes(_tag),
      }),
    )
  const over = yield* Deferred.make<void>()
  const lanes = yield* Effect.forEach(
    acknowledged,
    Effect.fnUntraced(function* (runIds, lane) {
      for (let number = 0; !(yield* Deferred.isDone(over)); number++) runIds.push((yield* send(lane, number)).runId)
    }),
    { concurrency: "unbounded" },
  ).pipe(Effect.forkChild)
  return {
    refused,
    /** Waits for acknowledgements. */
    progress: Effect.suspend(() => {
      const enough = count() + SENDS
      const reached = Effect.repeat(Effect.sleep("10 millis"), { until: () => count() >= enough })
      return Effect.raceFirst(reached, Fiber.join(lanes))
    }),
    /** Stops the lanes and waits for the end of each run. Fails if the database lost, doubled or reordered something. */
    finish: Effect.fnUntraced(function* (databaseUrl: string) {
      yield* Deferred.succeed(over, undefined)
      yield* Fiber.join(lanes)
      yield* Effect.forEach(acknowledged.flat(), (runId) => calls["runs.wait"]({ runId }), { concurrency: 32 })
      const turns = yield* execute(databaseUrl, "SELECT run_id, session_key, state, attempt FROM turns ORDER BY pos")
      const messages = yield* execute(
        databaseUrl,
        "SELECT sessions.key, run_id, role FROM messages JOIN sessions USING (transcript) ORDER BY id",
      )
      expect(turns.filter(({ state }) => state !== "done")).toEqual([])
      for (const [lane, runIds] of acknowledged.entries()) {
        const ofLane = (key: unknown) => String(key).endsWith(`lane-${lane}`)
        expect(turns.filter(({ session_key }) => ofLane(session_key)).map(({ run_id }) => run_id)).toEqual(runIds)
        const stored = messages.filter(({ key }) => ofLane(key)).map(({ role, run_id }) => `${role} ${run_id}`)
        expect(stored).toEqual(runIds.flatMap((runId) => [`user ${runId}`, `assistant ${runId}`]))
      }
      const numbers = yield* execute(databaseUrl, "SELECT seq FROM events ORDER BY seq")
      expect(numbers.map(({ seq }) => seq)).toEqual(numbers.map((_, index) => index + 1))
      const restarted = turns.filter(({ attempt }) => Number(attempt) > 1).length
      return { sent: turns.length, events: numbers.length, refused: refused.length, restarted }
    }),
  }
})
