/**
 * Measures how costs grow with the stored rows: the processor time of a page of sessions, a page of a transcript, a search
 * and a commit, and of a start. Writes the table GROWTH.md, because its figures compare with each other only.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Effort, Result } from "../Compare.ts"
import { type Database, onEach } from "../Databases.ts"
import { frame } from "../Line.ts"
import { number, row, table } from "../Report.ts"
import { fill, SESSION_OF_MESSAGES, type StoredRows } from "../StoredSessions.ts"
import { startGateway } from "../Targets.ts"
import { request } from "../wires/Rpc.ts"

const few: StoredRows = { sessions: 100, messages: 10, events: 1_000 }

const sizes: ReadonlyArray<Partial<StoredRows>> = [
  { sessions: 100 },
  { sessions: 10_000 },
  { sessions: 100_000 },
  { messages: 1_000 },
  { messages: 100_000 },
  { events: 100_000 },
  { events: 1_000_000 },
]

/** Retention must not drop the stored events. */
const env = { GATEWAY_EVENTS_RETAIN_ROWS: "2000000" }

const CALLS = 200

const calls = (sessions: number): Readonly<Record<string, (n: number) => readonly [tag: string, payload: object]>> => ({
  "list page": () => ["sessions.list", { limit: 50 }],
  "history page": () => ["sessions.history", { key: SESSION_OF_MESSAGES, limit: 50 }],
  search: () => ["sessions.list", { limit: 50, search: "peer-99" }],
  commit: (n) => ["chat.inject", { sessionKey: `agent:main:direct:peer-${(n * 7_919) % sessions}`, text: "hi" }],
})

/** Returns the costs of the calls in microseconds, and that of a start in milliseconds. */
const measure = async (database: Database, sessions: number, count: number): Promise<ReadonlyArray<number>> => {
  const ofStart = database.cpuMicros()
  const server = await startGateway({ ...database.options, env: { ...env, ...database.options.env } })
  const start = (await server.usage()).cpuMicros + database.cpuMicros() - ofStart
  const line = await server.open()
  const costs: Array<number> = []
  let id = 0
  for (const call of Object.values(calls(sessions))) {
    const work = async (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const [tag, payload] = call(n)
        await line.exchange(frame(request(++id, tag, payload)), `"Exit"`, 1)
      }
    }
    // Until V8 has compiled the path.
    await work(0, count)
    const before = database.cpuMicros()
    const gateway = await server.cpuOf(() => work(count, count * 2))
    costs.push((gateway + database.cpuMicros() - before) / count)
  }
  line.close()
  await server.stop()
  return [...costs, start / 1_000]
}

export const growth = async ({ scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const head = ["database", "stored", ...Object.keys(calls(1)).map((name) => `${name}, µs`), "start, ms"]
  const rows: Array<ReadonlyArray<string>> = []
  // A smoke test takes one size, because each takes several starts of a gateway and of PostgreSQL.
  for (const size of scale < 1 ? sizes.slice(-1) : sizes) {
    const { events, messages, sessions } = { ...few, ...size }
    const scaled = {
      sessions: Math.ceil(sessions * scale),
      messages: Math.ceil(messages * scale),
      events: Math.ceil(events * scale),
    }
    const stored = Object.entries(size).map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
    const ofSize = await onEach(async (database) => {
      await fill(database, scaled)
      const costs = await measure(database, scaled.sessions, Math.ceil(CALLS * scale))
      const cells = [database.name, stored.join(), ...costs.map(number)]
      console.log(row(cells))
      return cells
    })
    rows.push(...ofSize)
  }
  const text = `# Growth

Written by \`npm run bench -- growth\`. Processor time of the gateway and of PostgreSQL for one call, and for a start until
it is ready. Where a row does not say otherwise, ${few.sessions} sessions, ${few.messages} messages of the session whose history is
read, and ${few.events.toLocaleString("en")} events are stored.

${table(head, rows)}
`
  if (scale === 1) writeFileSync(join(import.meta.dirname, "../GROWTH.md"), text)
  return []
}
