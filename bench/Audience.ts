/**
 * Audience: the subscribed clients of one server. They count the events and acknowledge them if the work says so. FanOut.ts
 * and Isolation.ts use it.
 */
import { Count, frame, type Line, SIGN_MS } from "./Line.ts"
import type { Server } from "./Server.ts"
import type { Wire } from "./wires/Wire.ts"

export interface Manners {
  readonly acknowledges: boolean
  /** The request ids of the clients: one per client, or the same for all. */
  readonly ids: (index: number) => number
}

/** An event that has not arrived after this time is lost. */
const PATIENCE_MS = 30_000

/** A subscriber. It counts the events and acknowledges their chunks. */
class Follower {
  readonly #events: Count
  readonly #chunks: Count
  readonly #acknowledgement: Buffer | undefined

  constructor({ chunk, event }: Wire, id: number, acknowledges: boolean) {
    this.#events = new Count(event)
    this.#chunks = new Count(chunk?.mark ?? event)
    this.#acknowledgement = acknowledges && chunk !== undefined ? frame(chunk.acknowledge(id)) : undefined
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
export class Audience {
  readonly #name: string
  #lines: ReadonlyArray<Line> = []
  #come = 0
  #awaited = 0
  #arrived: () => void = () => {}
  readonly #signs = setInterval(() => this.#lines.forEach((line) => line.sign()), SIGN_MS)

  constructor(name: string) {
    this.#name = name
  }

  static async gather(server: Server, size: number, { acknowledges, ids }: Manners): Promise<Audience> {
    const audience = new Audience(server.name)
    audience.#lines = await server.many(size, async (index) => {
      const follower = new Follower(server.wire, ids(index), acknowledges)
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

  /** The bytes that all subscribers have received. */
  get receivedBytes(): number {
    return this.#lines.reduce((bytes, line) => bytes + line.received, 0)
  }

  close(): void {
    clearInterval(this.#signs)
    for (const line of this.#lines) line.close()
  }
}
