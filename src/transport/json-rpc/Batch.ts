/**
 * The answers to one batch: held until all are there, then one array in the order of the requests.
 */
export class Batch {
  readonly #answers: Array<string>
  #missing: number

  /** `size`: how many of its requests are answered. */
  constructor(size: number) {
    this.#answers = Array.from<string>({ length: size })
    this.#missing = size
  }

  /** The whole, once the last answer is there. Each place is to be answered once. */
  put(place: number, answer: string): string | undefined {
    this.#answers[place] = answer
    return --this.#missing === 0 ? `[${this.#answers.join(",")}]` : undefined
  }
}
