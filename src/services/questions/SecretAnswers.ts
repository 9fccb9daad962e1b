/**
 * SecretAnswers: the secret answers of questions, in memory until the asker takes them. No log, event or row has them.
 * Questions uses it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Answers } from "../../domain/Question.ts"

/** How long an asker that has gone away may come back for them. */
const KEPT = "10 minutes"

export class SecretAnswers {
  readonly #answers = new Map<string, Redacted.Redacted<Answers>>()
  readonly #background: (effect: Effect.Effect<void>) => void

  private constructor(background: (effect: Effect.Effect<void>) => void) {
    this.#background = background
  }

  static readonly make = Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Effect.runForkWith(yield* Effect.context())
    return new SecretAnswers((effect) => runFork(Effect.forkIn(effect, scope)))
  })

  /** Keeps the answers for a while, and returns those before. Nothing is kept without answers. */
  replace(id: string, answers: Answers | undefined): Answers | undefined {
    const before = this.take(id)
    if (answers === undefined || Object.keys(answers).length === 0) return before
    const kept = Redacted.make(answers)
    this.#answers.set(id, kept)
    const forget = Effect.sync(() => {
      if (this.#answers.get(id) === kept) this.#answers.delete(id)
    })
    this.#background(Effect.delay(forget, KEPT))
    return before
  }

  /** Returns the answers and forgets them. */
  take(id: string): Answers | undefined {
    const kept = this.#answers.get(id)
    this.#answers.delete(id)
    return kept === undefined ? undefined : Redacted.value(kept)
  }
}
