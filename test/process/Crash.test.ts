/** The promise of an acknowledgement, with a gateway that is killed repeatedly in the middle of its turns. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer } from "../support/Conversations.ts"

const ROUNDS = 20
const program = Path.resolve(import.meta.dirname, "../support/CrashingGateway.ts")
const poisoned = Path.resolve(import.meta.dirname, "../support/PoisonedGateway.ts")

interface Acknowledged {
  readonly sessionKey: string
  readonly runId: string
}

/** Runs the gateway until it has acknowledged `sends` messages, and kills it. Returns all acknowledgements. */
const runAndKill = async (filename: string, round: number, sends: number): Promise<ReadonlyArray<Acknowledged>> => {
  const child = spawn(process.execPath, [program, filename, String(round)], { stdio: ["ignore", "pipe", "inherit"] })
  const acknowledged: Array<Acknowledged> = []
  const lines = createInterface({ input: child.stdout })
  const closed = once(lines, "close")
  lines.on("line", (line) => {
    const [sessionKey = "", runId = ""] = line.split(" ")
    acknowledged.push({ sessionKey, runId })
    if (acknowledged.length === sends) child.kill("SIGKILL")
  })
  const [, signal] = await once(child, "exit")
  await closed
  expect(signal).toBe("SIGKILL")
  return acknowledged
}

const openRuns = (filename: string): ReadonlyArray<string> => {
  const db = new DatabaseSync(filename)
  const turns = db.prepare("SELECT run_id FROM turns WHERE state <> 'done'").all()
  db.close()
  return turns.map(({ run_id }) => String(run_id))
}

/** Starts the gateway again and waits for the end of every open run. */
const finish = (filename: string) => {
  const open = openRuns(filename)
  return Effect.gen(function* () {
    const runs = yield* Runs
    yield* Effect.forEach(open, (runId) => runs.wait(runId, 60_000), { concurrency: "unbounded" })
  }).pipe(
    Effect.provide(layer({ filename, config: { runs: { concurrent: 16, concurrentPerAgent: 16 } } })),
    Effect.runPromise,
  )
}

describe("A gateway that is killed in the middle of its turns", () => {
  it(
    "Every acknowledged message has exactly one turn, in the order of its session.",
    { timeout: 240_000 },
    async () => {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-crash-"))
      try {
        const filename = Path.join(folder, "db")
        const acknowledged: Array<Acknowledged> = []
        for (let round = 0; round < ROUNDS; round++) {
          acknowledged.push(...(await runAndKill(filename, round, 8 + ((round * 7) % 30))))
        }
        await finish(filename)

        const db = new DatabaseSync(filename)
        const turns = db.prepare("SELECT run_id, session_key, state, attempt FROM turns ORDER BY pos").all()
        const messages = db
          .prepare(
            "SELECT sessions.key AS session_key, run_id, role FROM messages JOIN sessions USING (transcript) ORDER BY id",
          )
          .all()
        const sessions = db.prepare("SELECT key, message_count FROM sessions").all()
        db.close()

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
      } finally {
        Fs.rmSync(folder, { recursive: true })
      }
    },
  )
})

describe("A message that kills the gateway at the start of its turn", () => {
  it(
    "The message stays in the transcript with the reason, and every other message gets its reply.",
    { timeout: 240_000 },
    async () => {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-poison-"))
      try {
        const filename = Path.join(folder, "db")
        const signals: Array<unknown> = []
        do {
          const child = spawn(process.execPath, [poisoned, filename], { stdio: "inherit" })
          const [, signal] = await once(child, "exit")
          signals.push(signal)
        } while (signals.at(-1) !== null)
        expect(signals).toEqual([...Array<string>(5).fill("SIGKILL"), null])

        const db = new DatabaseSync(filename)
        const turns = db.prepare("SELECT run_id, state, crashes FROM turns ORDER BY run_id").all()
        const messages = db
          .prepare(
            "SELECT text, failed FROM messages JOIN sessions USING (transcript) WHERE key = 'poisoned' ORDER BY id",
          )
          .all()
        db.close()
        expect(turns.map(({ run_id, state }) => `${run_id} ${state}`)).toEqual([
          "after done",
          "before done",
          "behind done",
          "beside done",
          "poison failed",
        ])
        expect(messages).toMatchObject([
          { text: "poison", failed: expect.stringContaining('"reason":"interrupted"') },
          { text: "behind", failed: null },
          { text: "reply to behind", failed: null },
        ])
      } finally {
        Fs.rmSync(folder, { recursive: true })
      }
    },
  )
})
