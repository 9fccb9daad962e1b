/** The promise of an acknowledgement, with a gateway that is killed repeatedly in the middle of its turns. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer } from "../support/Conversations.ts"
import { killAfterLines } from "../support/KilledStarts.ts"
import { isPostgres } from "../support/Postgres.ts"
import * as SourcePrograms from "../support/SourcePrograms.ts"
import { newPlace, queryAt } from "../support/TestDatabase.ts"

/** The environment raises it on PostgreSQL, where a round takes longer, for a long run by hand. */
const ROUNDS = isPostgres ? Number(process.env["ROUNDS"] ?? 4) : 20

interface Acknowledged {
  readonly sessionKey: string
  readonly runId: string
}

/** Runs the gateway until it has acknowledged `sends` messages, and kills it. Returns all acknowledgements. */
const runAndKill = (place: string, round: number, sends: number) =>
  Effect.map(killAfterLines("CrashingGateway.ts", [place, String(round)], sends), (lines) =>
    lines.map((line): Acknowledged => {
      const [sessionKey = "", runId = ""] = line.split(" ")
      return { sessionKey, runId }
    }),
  )

/** Starts the gateway again and waits for the end of every open run. */
const finish = Effect.fnUntraced(function* (place: string) {
  const open = yield* queryAt(place, "SELECT run_id FROM turns WHERE state <> 'done'")
  const wait = Effect.flatMap(Runs, (runs) =>
    Effect.forEach(open, ({ run_id }) => runs.wait(String(run_id), 60_000), { concurrency: "unbounded" }),
  )
  yield* Effect.provide(wait, layer({ place, config: { runs: { concurrent: 16, concurrentPerAgent: 16 } } }))
})

describe("A gateway that is killed in the middle of its turns", () => {
  it.live(
    "Every acknowledged message has exactly one turn, in the order of its session.",
    () =>
      Effect.gen(function* () {
        const place = yield* newPlace
        const acknowledged: Array<Acknowledged> = []
        for (let round = 0; round < ROUNDS; round++) {
          acknowledged.push(...(yield* runAndKill(place, round, 8 + ((round * 7) % 30))))
        }
        yield* finish(place)

        const turns = yield* queryAt(place, "SELECT run_id, session_key, state, attempt FROM turns ORDER BY pos")
        const messages = yield* queryAt(
          place,
          "SELECT sessions.key AS session_key, run_id, role FROM messages JOIN sessions USING (transcript) ORDER BY id",
        )
        const sessions = yield* queryAt(place, "SELECT key, message_count FROM sessions")

        expect(turns.filter(({ state }) => state !== "done")).toEqual([])
        expect(turns.some(({ attempt }) => Number(attempt) > 1)).toBe(true)
        for (const { key, message_count } of sessions) {
          const accepted = turns.filter(({ session_key }) => session_key === key).map(({ run_id }) => run_id)
          const confirmed = acknowledged.filter(({ sessionKey }) => sessionKey === key).map(({ runId }) => runId)
          // Each kill can leave one accepted message without an acknowledgement.
          expect(accepted.filter((runId) => confirmed.includes(String(runId)))).toEqual(confirmed)
          expect(accepted.length - confirmed.length).toBeLessThanOrEqual(ROUNDS)
          const written = messages.filter(({ session_key }) => session_key === key)
          expect(written.map(({ role, run_id }) => `${role} ${run_id}`)).toEqual(
            accepted.flatMap((runId) => [`user ${runId}`, `tool ${runId}`, `assistant ${runId}`]),
          )
          expect(message_count).toBe(written.length)
        }
      }),
    240_000,
  )
})

describe("A message that kills the gateway at the start of its turn", () => {
  it.live(
    "The message stays in the transcript with the reason, and every other message gets its reply.",
    () =>
      Effect.gen(function* () {
        const place = yield* newPlace
        const signals: Array<unknown> = []
        do {
          const child = SourcePrograms.start("PoisonedGateway.ts", [place])
          child.stdout.resume()
          const [, signal] = yield* Effect.promise(() => once(child, "exit"))
          signals.push(signal)
        } while (signals.at(-1) !== null)
        expect(signals).toEqual([...Array<string>(5).fill("SIGKILL"), null])

        const turns = yield* queryAt(place, "SELECT run_id, state FROM turns")
        expect(turns.map(({ run_id, state }) => `${String(run_id)} ${String(state)}`).toSorted()).toEqual([
          "after done",
          "before done",
          "behind done",
          "beside done",
          "poison failed",
        ])
        const messages = yield* queryAt(
          place,
          "SELECT text, failed FROM messages JOIN sessions USING (transcript) WHERE key = 'poisoned' ORDER BY id",
        )
        expect(messages).toMatchObject([
          { text: "poison", failed: expect.stringContaining('"reason":"interrupted"') },
          { text: "behind", failed: null },
          { text: "reply to behind", failed: null },
        ])
      }),
    240_000,
  )
})
