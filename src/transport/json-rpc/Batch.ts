/**
 * Batch: the answers to one batch, held until all are there, then one array in the order of the requests.
 */

/** Characters of answers that all batches of one connection may hold. */
export const HELD_CHARS = 8_388_608

/** What all batches of one connection hold. */
export interface Held {
  chars: number
}

export class Batch {
  readonly #answers: Array<string>
  readonly #held: Held
  #missing: number
  #chars = 0

  /** `size`: how many of its requests are answered. */
  constructor(size: number, held: Held) {
    this.#answers = Array.from<string>({ length: size })
    this.#missing = size
    this.#held = held
  }

  /** Whether an answer may be held, besides what is held already. */
  takes(answer: string): boolean {
    return this.#held.chars + answer.length <= HELD_CHARS
  }

  /** Returns the whole once the last answer is there. The last answer may be put again, in place of itself. */
  put(place: number, answer: string): string | undefined {
    this.#answers[place] = answer
    if (this.#missing > 0) this.#missing--
    if (this.#missing > 0) {
      this.#chars += answer.length
      this.#held.chars += answer.length
      return undefined
    }
    this.#held.chars -= this.#chars
    this.#chars = 0
    return `[${this.#answers.join(",")}]`
  }
}
