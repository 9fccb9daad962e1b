/** Measures the time for one page of a long list, which every dashboard requests repeatedly. One request at a time. */
import { type Effort, percentile, type Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import { STORED, storedSessions } from "../StoredSessions.ts"
import { startGateway } from "../Targets.ts"

const list = (id: number, query: object) =>
  frame(JSON.stringify({ _tag: "Request", id, tag: "sessions.list", payload: { limit: 50, ...query }, headers: [] }))

const queries = {
  "newest first": {},
  "by key": { sortBy: "key" },
  searched: { search: "peer-99" },
}

export const sessions = async ({ scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const server = await startGateway({ stateDir: await storedSessions(Math.ceil(STORED * scale)) })
  const line = await server.open()
  const results: Array<Result> = []
  for (const [name, query] of Object.entries(queries)) {
    const samples: Array<number> = []
    for (let id = 0; id < 2_000 * scale; id++) {
      const began = performance.now()
      await line.exchange(list(id, query), `"nextCursor"`, 1)
      samples.push(performance.now() - began)
    }
    const work = `\`sessions.list\`, 50 of 10,000, ${name}`
    const at = (share: number) => percentile(samples, share)
    results.push({
      work: `${work}, p99`,
      unit: "ms",
      figures: [{ target: "causeway", value: at(0.99), range: [at(0.5), at(1)] }],
      goal: { value: 5 },
    })
  }
  line.close()
  await server.stop()
  return results
}
