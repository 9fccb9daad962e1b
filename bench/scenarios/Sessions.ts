/**
 * Measures the time for one page of a long list, which every dashboard requests repeatedly: alone, beside a session that
 * changes, and how long the first search delays the calls of others. One request at a time.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type Effort, percentile, type Result } from "../Compare.ts"
import { frame, type Line } from "../Line.ts"
import type { Server } from "../Server.ts"
import { SESSION_OF_MESSAGES, STORED, storedSessions } from "../StoredSessions.ts"
import { startGateway } from "../Targets.ts"

const MANY = 100_000

/** A session changes so often: once in so many milliseconds. */
const CHANGE_MS = 10

const request = (id: number, tag: string, payload: object) =>
  frame(JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] }))

const list = (id: number, query: object) => request(id, "sessions.list", { limit: 50, ...query })

const queries = {
  "newest first": {},
  "by key": { sortBy: "key" },
  searched: { search: "peer-99" },
}

/** Returns the milliseconds that each page takes. */
const pages = async (line: Line, query: object, count: number): Promise<ReadonlyArray<number>> => {
  const samples: Array<number> = []
  for (let id = 0; id < count; id++) {
    const began = performance.now()
    await line.exchange(list(id, query), `"nextCursor"`, 1)
    samples.push(performance.now() - began)
  }
  return samples
}

/** Repeats a call on a connection of its own while the work is under way. Returns how long each call took. */
const beside = async (
  server: Server,
  { call, pauseMs }: { readonly call: (id: number) => Buffer; readonly pauseMs: number },
  work: () => Promise<unknown>,
): Promise<ReadonlyArray<number>> => {
  const line = await server.open()
  const samples: Array<number> = []
  const over = new AbortController()
  const calls = async () => {
    for (let id = 0; !over.signal.aborted; id++) {
      const began = performance.now()
      await line.exchange(call(id), `"Exit"`, 1)
      samples.push(performance.now() - began)
      await sleep(pauseMs)
    }
  }
  await Promise.all([calls(), work().finally(() => over.abort())])
  line.close()
  return samples
}

const result = (work: string, samples: ReadonlyArray<number>, goal: number): Result => {
  const at = (share: number) => percentile(samples, share)
  return {
    work: `${work}, p99`,
    unit: "ms",
    figures: [{ target: "causeway", value: at(0.99), range: [at(0.5), at(1)] }],
    goal: { value: goal },
  }
}

const change = {
  call: (id: number) => request(id, "chat.inject", { sessionKey: SESSION_OF_MESSAGES, text: "hi" }),
  pauseMs: CHANGE_MS,
}

/** Returns the longest time that `health` takes during the first search after a start. */
const duringFirstSearch = async (server: Server, line: Line): Promise<Result> => {
  const health = { call: (id: number) => request(id, "health", {}), pauseMs: 0 }
  await beside(server, health, () => sleep(500))
  const samples = await beside(server, health, () => pages(line, queries.searched, 1))
  return {
    work: "`health` beside the first search in 100,000 sessions, longest",
    unit: "ms",
    figures: [
      { target: "causeway", value: percentile(samples, 1), range: [percentile(samples, 0.5), percentile(samples, 1)] },
    ],
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
    let samples: ReadonlyArray<number> = []
    await beside(server, change, async () => {
      samples = await pages(line, {}, count)
    })
    results.push(result(`${work}, one of which changes 100 times a second`, samples, 3))
    line.close()
    await server.stop()
  }
  return results
}
