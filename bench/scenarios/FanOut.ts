/**
 * Measures the cost of one delivery when the server sends an event to 1,000 subscribers, one at a time and in bursts. A
 * stock RpcClient acknowledges each chunk. If that is part of the work, all clients acknowledge.
 */
import { compare, type Effort, type Result } from "../Compare.ts"
import { Count, frame, type Line } from "../Line.ts"
import type { Server, Words } from "../Server.ts"
import { EVENT, start, type TargetName } from "../Targets.ts"

interface Kind {
  readonly events: number
  readonly burst: number
  readonly acknowledges: boolean
  /** The request ids of the clients: one per client, or the same for all. */
  readonly ids: (index: number) => number
}

/** An event that has not arrived after this time is lost. */
const PATIENCE_MS = 30_000

/** A gateway closes clients that are silent for a minute. */
const SIGN_MS = 20_000

/** A subscriber. It counts the events and acknowledges their chunks. */
class Follower {
  readonly #events = new Count(EVENT)
  readonly #chunks: Count
  readonly #acknowledgement: Buffer | undefined

  constructor({ acknowledge, chunk }: Words, id: number, acknowledges: boolean) {
    this.#chunks = new Count(chunk)
    this.#acknowledgement = acknowledges ? frame(acknowledge(id)) : undefined
  }

  /** Returns the number of events that have arrived. */
  hear(line: Line, data: Buffer): number {
    const { seen: events } = this.#events
    this.#events.take(data)
    if (this.#acknowledgement !== undefined) {
      const { seen: chunks } = this.#chunks
      this.#chunks.take(data)
      for (let i = chunks; i < this.#chunks.seen; i++) line.write(this.#acknowledgement)
    }
    return this.#events.seen - events
  }
}

/** All subscribers, with the number of events that they have received. */
class Audience {
  readonly #name: string
  #lines: ReadonlyArray<Line> = []
  #come = 0
  #awaited = 0
  #arrived: () => void = () => {}
  readonly #signs = setInterval(() => this.#lines.forEach((line) => line.sign()), SIGN_MS)

  constructor(name: string) {
    this.#name = name
  }

  static async gather(server: Server, size: number, { acknowledges, ids }: Kind): Promise<Audience> {
    const audience = new Audience(server.name)
    audience.#lines = await server.many(size, async (index) => {
      const follower = new Follower(server.words, ids(index), acknowledges)
      const line = await server.follow(ids(index), (line, data) => follower.hear(line, data))
      line.listen((data) => audience.#hear(follower.hear(line, data)))
      return line
    })
    return audience
  }

  #hear(events: number): void {
    this.#come += events
    if (this.#come >= this.#awaited) this.#arrived()
  }

  /** Resolves when each subscriber has received this many more events. */
  arrival(events: number): Promise<void> {
    this.#awaited += events * this.#lines.length
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${this.#name}: ${this.#come} of ${this.#awaited} events have come`))
      const timer = setTimeout(late, PATIENCE_MS)
      this.#arrived = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  close(): void {
    clearInterval(this.#signs)
    for (const line of this.#lines) line.close()
  }
}

const alike = () => 1
const own = (index: number) => index
const paced = { events: 40, burst: 1, acknowledges: false, ids: alike }
const bursts = { ...paced, events: 160, burst: 32 }

const tell = async (servers: ReadonlyArray<Server>, effort: Effort, kind: Kind) => {
  const followers = Math.ceil(1_000 * effort.scale)
  const subjects = await Promise.all(
    servers.map(async (server) => ({ server, audience: await Audience.gather(server, followers, kind) })),
  )
  const times = Math.ceil((kind.events / kind.burst) * effort.scale)
  const figures = await compare(subjects, effort, async ({ audience, server }) => {
    const micros = await server.cpuOf(async () => {
      for (let i = 0; i < times; i++) {
        const arrival = audience.arrival(kind.burst)
        await server.tell(kind.burst)
        await arrival
      }
    })
    return micros / (times * kind.burst * followers)
  })
  for (const { audience } of subjects) audience.close()
  return figures
}

const names: ReadonlyArray<TargetName> = ["plain ws", "socket.io", "effect/rpc", "causeway"]

export const fanOut = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const all = await Promise.all(names.map(start))
  // A stock effect/rpc stream waits until the client acknowledges its chunk.
  const unasked = all.filter(({ name }) => name !== "effect/rpc")
  const run = async (work: string, kind: Kind, goal?: number): Promise<Result> => ({
    work,
    unit: "µs",
    figures: await tell(kind.acknowledges ? all : unasked, effort, kind),
    ...(goal !== undefined && { goal: { ratio: goal } }),
  })
  const results = [
    await run("event to 1,000, paced", paced, 1.3),
    await run("event to 1,000, bursts of 32", bursts, 0.3),
    await run("event to 1,000, paced, 1,000 request ids", { ...paced, ids: own }),
    await run("event to 1,000, paced, each acknowledged", { ...paced, acknowledges: true }),
    await run("event to 1,000, bursts of 32, each acknowledged", { ...bursts, acknowledges: true }),
  ]
  for (const server of all) await server.stop()
  return results
}
