/**
 * PostgresHealth: whether the server can be reached. It logs the loss and the return once each. PostgresStorage reports its
 * problem to health.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import { detailOf } from "./PostgresError.ts"

interface Outage {
  readonly since: number
  readonly detail: string
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export class PostgresHealth {
  readonly #name: string
  #outage: Outage | undefined

  /** `name`: the server, without the password. */
  constructor(name: string) {
    this.#name = name
  }

  /** Records an attempt that has failed. */
  down(error: SqlError): Effect.Effect<void> {
    return Effect.suspend(() => {
      const detail = detailOf(error)
      if (this.#outage !== undefined) {
        this.#outage = { ...this.#outage, detail }
        return Effect.void
      }
      return Effect.flatMap(Clock.currentTimeMillis, (since) => {
        this.#outage = { since, detail }
        return Effect.logWarning(
          `the database ${this.#name} cannot be reached (${detail}): writes fail until it is back. The gateway tries again`,
        )
      })
    })
  }

  /** Records that the server answers. */
  readonly up: Effect.Effect<void> = Effect.suspend(() => {
    const outage = this.#outage
    if (outage === undefined) return Effect.void
    this.#outage = undefined
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.logInfo(`the database ${this.#name} is back after ${seconds(now - outage.since)}: writes go on`),
    )
  })

  /** Returns the problem at the time `now`, or `null`. */
  problem(now: number): string | null {
    if (this.#outage === undefined) return null
    const { detail, since } = this.#outage
    return `the database ${this.#name} cannot be reached for ${seconds(now - since)} (${detail})`
  }
}
