/**
 * What an acknowledgement promises, against a process that is killed in the middle of its turns, again and again.
 */
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

/** Lets the gateway live until it has acknowledged so many sends, then kills it. What it said before it died counts. */
const liveAndDie = async (filename: string, round: number, sends: number): Promise<ReadonlyArray<Acknowledged>> => {
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

const finish = (filename: string) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    while (runs.counts().running + runs.counts().waiting > 0) yield* Effect.sleep("5 millis")
  }).pipe(
    Effect.provide(layer({ filename, config: { runs: { concurrent: 16, concurrentPerAgent: 16 } } })),
    Effect.runPromise,
  )

describe("a gateway that is killed in the middle of its turns", () => {
  it("loses no acknowledged send, doubles none, and keeps the order of each session", { timeout: 60_000 }, async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-crash-"))
    try {
      const filename = Path.join(folder, "db")
      const acknowledged: Array<Acknowledged> = []
      for (let round = 0; round < ROUNDS; round++) {
        acknowledged.push(...(await liveAndDie(filename, round, 8 + ((round * 7) % 30))))
      }
      await finish(filename)

      const db = new DatabaseSync(filename)
      const turns = db.prepare("SELECT run_id, session_key, state, attempt FROM turns ORDER BY pos").all()
      const messages = db.prepare("SELECT session_key, run_id, role FROM messages ORDER BY id").all()
      const sessions = db.prepare("SELECT key, message_count FROM sessions").all()
      db.close()

      expect(turns.filter(({ state }) => state !== "done")).toEqual([])
      expect(turns.some(({ attempt }) => Number(attempt) > 1)).toBe(true)
      for (const { key, message_count } of sessions) {
        const accepted = turns.filter(({ session_key }) => session_key === key).map(({ run_id }) => run_id)
        const heard = acknowledged.filter(({ sessionKey }) => sessionKey === key).map(({ runId }) => runId)
        // What was accepted and not heard of is at most the send that was under way when the process died.
        expect(accepted.filter((runId) => heard.includes(String(runId)))).toEqual(heard)
        expect(accepted.length - heard.length).toBeLessThanOrEqual(ROUNDS)
        const written = messages.filter(({ session_key }) => session_key === key)
        expect(written.map(({ role, run_id }) => `${role} ${run_id}`)).toEqual(
          accepted.flatMap((runId) => [`user ${runId}`, `tool ${runId}`, `assistant ${runId}`]),
        )
        expect(message_count).toBe(written.length)
      }
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})

describe("a message that kills the gateway whenever its turn begins", () => {
  it("stays in the transcript with the reason, and every other message is answered", { timeout: 60_000 }, async () => {
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
      const messages = db.prepare("SELECT text, failed FROM messages WHERE session_key = 'poisoned' ORDER BY id").all()
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
        { text: "heard behind", failed: null },
      ])
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})
