/**
 * Shared answers: what many clients ask again and again, answered once while nothing happens. All that the gateway
 * knows follows from its events, so an answer is as good as new until the next one; only what it says of time grows old.
 */
import type { Clock } from "effect/Clock"
import type { Position } from "../../domain/Event.ts"
import { everyScope, type Scope } from "../../domain/Principal.ts"
import type { Recollection, Shared } from "../dialect/Query.ts"

/** The age that no answer reaches. */
const STALE_MS = 1_000

interface Answer {
  readonly value: unknown
  /** The newest event that it knows of, and when it was asked for. */
  readonly seq: number
  readonly at: number
}

export class AnswerCache {
  readonly #head: () => Position
  readonly #clock: Clock
  readonly #readers = new Map<string, Recollection>()
  readonly #texts = new WeakMap<object, () => string>()

  constructor(head: () => Position, clock: Clock) {
    this.#head = head
    this.#clock = clock
  }

  /** As readers are answered who have these scopes. */
  of(scopes: ReadonlyArray<Scope>): Recollection {
    const reader = everyScope.filter((scope) => scopes.includes(scope)).join(" ")
    const known = this.#readers.get(reader)
    if (known !== undefined) return known
    const recollection = this.#begin()
    this.#readers.set(reader, recollection)
    return recollection
  }

  /** The text of an answer that is shared, made once. */
  json(answer: unknown): (() => string) | undefined {
    return typeof answer === "object" && answer !== null ? this.#texts.get(answer) : undefined
  }

  #begin(): Recollection {
    const answers = new Map<Shared<unknown>["inquire"], Answer>()
    const now = () => this.#clock.currentTimeMillisUnsafe()
    return {
      recall: (inquire) => {
        const answer = answers.get(inquire)
        if (answer === undefined || answer.seq !== this.#head().seq) return undefined
        const age = now() - answer.at
        // A clock may be set back.
        return age >= 0 && age < STALE_MS ? answer.value : undefined
      },
      keep: (inquire) => {
        const { seq } = this.#head()
        const at = now()
        return (value) => {
          answers.set(inquire, { value, seq, at })
          if (typeof value === "object" && value !== null) this.#texts.set(value, textOf(value))
        }
      },
    }
  }
}

const textOf = (value: object) => {
  let text: string | undefined
  return () => (text ??= JSON.stringify(value))
}
