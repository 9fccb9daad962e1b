/**
 * Measures the time for one page of a long list, which every dashboard requests repeatedly: alone, beside a session that
 * changes, and how long the first search delays the calls of others. One request at a time.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type Effort, latency, type Result } from "../Compare.ts"
import type { Line } from "../Line.ts"
import { call, during, timed } from "../Look.ts"
import type { Server } from "../Server.ts"
import { SESSION_OF_MESSAGES, STORED, storedSessions } from "../StoredSessions.ts"
import { startGateway } from "../Targets.ts"

const MANY = 100_000

/** A session changes so often: once in so many milliseconds. */
const CHANGE_MS = 10

const queries = {
  "newest first": {},
  "by key": { sortBy: "key" },
  searched: { search: "peer-99" },
}

/** Returns the milliseconds that each page takes. */
const pages = async (line: Line, query: object, count: number): Promise<ReadonlyArray<number>> => {
  const page = { ...call("sessions.list", { limit: 50, ...query }), mark: `"nextCursor"` }
  const samples: Array<number> = []
  for (let n = 0; n < count; n++) samples.push(await timed(line, page))
  return samples
}

const result = (work: string, samples: ReadonlyArray<number>, goal: number): Result => ({
  work: `${work}, p99`,
  unit: "ms",
  figures: [latency(samples, 0.99)],
  goal: { value: goal },
})

const change = call("chat.inject", { sessionKey: SESSION_OF_MESSAGES, text: "hi" })

/** Returns the longest time that `health` takes during the first search after a start. */
const duringFirstSearch = async (server: Server, line: Line): Promise<Result> => {
  const neighbour = await server.open()
  await during(neighbour, call("health"), () => sleep(500), 0)
  const samples = await during(neighbour, call("health"), () => pages(line, queries.searched, 1), 0)
  neighbour.close()
  return {
    work: "`health` beside the first search in 100,000 sessions, longest",
    unit: "ms",
    figures: [latency(samples, 1)],
    goal: { value: 15 },
  }
}

export const sessions = async ({ scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  const count = Math.ceil(2_000 * scale)
  for (const stored of [STORED, MANY]) {
    const server = await startGateway({ stateDir: await storedSessions(Math.ceil(stored * scale)) })
    const line = await server.open()
    const work = `\`sessions.list\`, 50 of ${stored.toLocaleString("en")}`
    if (stored === MANY) results.push(await duringFirstSearch(server, line))
    else {
      for (const [name, query] of Object.entries(queries)) {
        results.push(result(`${work}, ${name}`, await pages(line, query, count), 5))
      }
    }
    await pages(line, {}, count)
    const neighbour = await server.open()
    let samples: ReadonlyArray<number> = []
    const list = async () => {
      samples = await pages(line, {}, count)
    }
    await during(neighbour, change, list, CHANGE_MS)
    results.push(result(`${work}, one of which changes 100 times a second`, samples, 3))
    neighbour.close()
    line.close()
    await server.stop()
  }
  return results
}
