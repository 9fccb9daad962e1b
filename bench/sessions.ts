/**
 * What sessions cost: loading and listing 10,000 of them, accepting a send, running a turn that has nothing to do.
 * Run as `node bench/sessions.ts`; `--power` waits for the disk at each commit, as the gateway does by default.
 */
import "effect/schema/SchemaJITCompiler/enable"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { performance } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import type { SessionQuery } from "../src/domain/Session.ts"
import { Runs } from "../src/services/Runs.ts"
import { SessionIndex } from "../src/services/SessionIndex.ts"
import { SessionList } from "../src/services/SessionList.ts"
import { Sessions } from "../src/services/Sessions.ts"
import { Sqlite } from "../src/services/Sqlite.ts"
import { Transcript } from "../src/services/Transcript.ts"
import { layer, principal } from "../test/support/Conversations.ts"

const SESSIONS = 10_000
const power = process.argv.includes("--power")

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  sorted[Math.floor((sorted.length - 1) * share)] ?? 0

const print = (what: string, samples: ReadonlyArray<number>, unit = "ms") => {
  const sorted = samples.toSorted((a, b) => a - b)
  const figures = [0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(3))
  console.log(`${what.padEnd(52)} p50 ${figures[0]}  p99 ${figures[1]}  max ${figures[2]} ${unit}`)
}

const measure = (what: string, times: number, run: (n: number) => unknown) => {
  const samples: Array<number> = []
  for (let n = 0; n < times; n++) {
    const start = performance.now()
    run(n)
    samples.push(performance.now() - start)
  }
  print(what, samples)
}

const seed = (filename: string) => {
  const db = new DatabaseSync(filename)
  const insert = db.prepare(
    `INSERT INTO sessions VALUES (?, 'main', 'direct', ?, NULL, 'web', ?, NULL, ?, ?, 9, 9, 9, ?, ?)`,
  )
  db.exec("BEGIN")
  for (let n = 0; n < SESSIONS; n++) {
    const peer = `peer-${(n * 7_919) % SESSIONS}`
    insert.run(
      `agent:main:direct:${peer}`,
      peer,
      peer,
      n % 50,
      `The newest message of ${peer}`,
      n,
      (n * 104_729) % 1_000_000,
    )
  }
  db.exec("COMMIT")
  db.close()
}

const lists = Effect.gen(function* () {
  const { withLock } = yield* Sqlite
  const transcript = yield* Transcript
  const index = yield* SessionIndex
  const load = Effect.sync(() => new SessionList(transcript.sessions.all()))
  const first = performance.now()
  const list = yield* withLock(load)
  console.log(`${"load 10,000 sessions, cold".padEnd(52)} ${(performance.now() - first).toFixed(1)} ms`)
  const again = performance.now()
  yield* withLock(load)
  console.log(`${"load 10,000 sessions, warm".padEnd(52)} ${(performance.now() - again).toFixed(1)} ms`)
  const page = (query: SessionQuery) => Result.getOrThrow(index.page(query))
  const cursor = page({ limit: 200 }).nextCursor!
  measure("page of 50, default order", 2_000, () => page({}))
  measure("page of 50, from a cursor", 2_000, () => page({ cursor }))
  measure("page of 50, by key (first call sorts once)", 2_000, () => page({ sortBy: "key" }))
  measure("page of 50, by message count", 2_000, () => page({ sortBy: "messageCount" }))
  measure("page of 50, of one agent (counts all)", 500, () => page({ agentId: "main" }))
  measure("page of 50, searched (reads all)", 200, () => page({ search: "peer-99" }))
  const sessions = [...index.values()]
  measure("one session changes (all four orders kept)", 2_000, (n) => {
    const session = sessions[(n * 31) % SESSIONS]!
    list.put({ ...session, updatedAt: 2_000_000 + n, messageCount: session.messageCount + 1 })
  })
})

const turns = Effect.gen(function* () {
  const runs = yield* Runs
  const sessions = yield* Sessions
  const accept = (n: number, of: number) => runs.accept({ text: "hi", sessionKey: `bench-${n % of}` }, principal)
  const accepted = (label: string, of: number, count: number) =>
    Effect.gen(function* () {
      const samples: Array<number> = []
      const start = performance.now()
      for (let n = 0; n < count; n++) {
        const before = performance.now()
        const { runId } = yield* accept(n, of)
        samples.push(performance.now() - before)
        yield* runs.wait(runId, 60_000)
      }
      print(label, samples)
      console.log(
        `${"  to the end of the turn, on average".padEnd(52)} ${((performance.now() - start) / count).toFixed(3)} ms`,
      )
    })
  yield* accepted("send to acknowledgement, one at a time", 1, 500)
  yield* accepted("send to acknowledgement, a new session each", 500, 500)
  const start = performance.now()
  const count = 4_000
  yield* Effect.forEach(
    Array.from({ length: count }, (_, n) => n),
    (n) => Effect.flatMap(accept(n, 256), ({ runId }) => runs.wait(runId, 60_000)),
    { concurrency: 64, discard: true },
  )
  const seconds = (performance.now() - start) / 1_000
  console.log(`${"turns a second, 64 at once over 256 sessions".padEnd(52)} ${Math.round(count / seconds)}`)
  console.log(`${"sessions".padEnd(52)} ${sessions.count()}`)
})

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-bench-"))
const filename = Path.join(folder, "db")
const gateway = layer({
  filename,
  config: { runs: { concurrent: 64, concurrentPerAgent: 64, waitingPerSession: 1_000 } },
})
const durable = Layer.effectDiscard(
  Effect.map(Sqlite, ({ db }) => db.exec(`PRAGMA synchronous = ${power ? "FULL" : "NORMAL"}`)),
).pipe(Layer.provideMerge(gateway))

await Effect.runPromise(Effect.provide(Effect.void, gateway))
seed(filename)
const start = performance.now()
await Effect.runPromise(
  Effect.gen(function* () {
    console.log(`${"all services up, 10,000 sessions stored".padEnd(52)} ${(performance.now() - start).toFixed(1)} ms`)
    yield* lists
    yield* turns
  }).pipe(Effect.provide(durable)),
)
Fs.rmSync(folder, { recursive: true })
