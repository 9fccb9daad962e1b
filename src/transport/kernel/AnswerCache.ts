/**
 * AnswerCache: caches the answers of queries, one for each query and set of scopes. Every change of state publishes an
 * event, so an answer is valid until the next event. Answers may hold times, so none is valid for more than a second.
 * DialectSession.ts and `cached` of Query.ts use it.
 */
import type { Clock } from "effect/Clock"
import type { Position } from "../../domain/Event.ts"
import { everyScope, type Scope } from "../../domain/Principal.ts"
import type { CachedAnswers, Query } from "../dialect/Query.ts"

/** An answer of this age is stale. */
const STALE_MS = 1_000

interface Answer {
  readonly value: unknown
  /** The position of the newest event when the query started. */
  readonly seq: number
  /** The time when the query started, in epoch milliseconds. */
  readonly at: number
}

export class AnswerCache {
  readonly #head: () => Position
  readonly #clock: Clock
  readonly #byScopes = new Map<string, CachedAnswers>()
  /** The same answers by the list itself, which a principal keeps. A lookup saves the sorting of scopes at each call. */
  readonly #byList = new WeakMap<ReadonlyArray<Scope>, CachedAnswers>()
  readonly #texts = new WeakMap<object, () => string>()

  constructor(head: () => Position, clock: Clock) {
    this.#head = head
    this.#clock = clock
  }

  /** Returns the answers for callers with these scopes. */
  of(scopes: ReadonlyArray<Scope>): CachedAnswers {
    let answers = this.#byList.get(scopes)
    if (answers === undefined) {
      answers = this.#ofSet(scopes)
      this.#byList.set(scopes, answers)
    }
    return answers
  }

  #ofSet(scopes: ReadonlyArray<Scope>): CachedAnswers {
    const key = everyScope.filter((scope) => scopes.includes(scope)).join(" ")
    const known = this.#byScopes.get(key)
    if (known !== undefined) return known
    const answers = this.#make()
    this.#byScopes.set(key, answers)
    return answers
  }

  /** Returns the JSON text of a cached answer, made once, or `undefined` for any other value. */
  json(answer: unknown): (() => string) | undefined {
    return typeof answer === "object" && answer !== null ? this.#texts.get(answer) : undefined
  }

  #make(): CachedAnswers {
    const answers = new Map<Query<unknown>, Answer>()
    const now = () => this.#clock.currentTimeMillisUnsafe()
    return {
      get: (query) => {
        const answer = answers.get(query)
        if (answer === undefined || answer.seq !== this.#head().seq) return undefined
        const age = now() - answer.at
        // The age is negative if somebody has set the clock back.
        return age >= 0 && age < STALE_MS ? answer.value : undefined
      },
      put: (query) => {
        const { seq } = this.#head()
        const at = now()
        return (value) => {
          answers.set(query, { value, seq, at })
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
