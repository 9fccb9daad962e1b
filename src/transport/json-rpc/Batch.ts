/**
 * Batch: collects the responses to one batch and joins them into one array in the order of the requests. JsonRpc.ts
 * uses it.
 */

/** The limit of characters that all batches of one connection may hold. */
export const HELD_CHARS = 8_388_608

/** The responses that all batches of one connection hold. */
export interface Held {
  chars: number
}

export class Batch {
  readonly #responses: Array<string>
  readonly #held: Held
  #missing: number
  #chars = 0

  /** `size` is the number of responses that the batch waits for. */
  constructor(size: number, held: Held) {
    this.#responses = Array.from<string>({ length: size })
    this.#missing = size
    this.#held = held
  }

  /** Returns whether the batches of the connection may hold this response too. */
  hasRoomFor(response: string): boolean {
    return this.#held.chars + response.length <= HELD_CHARS
  }

  /**
   * Stores a response. Returns the array of all responses if this is the last one. An error may replace the last
   * response afterwards, if the gateway refuses to send so much.
   */
  put(place: number, response: string): string | undefined {
    this.#responses[place] = response
    if (this.#missing > 0) this.#missing--
    if (this.#missing > 0) {
      this.#chars += response.length
      this.#held.chars += response.length
      return undefined
    }
    this.#held.chars -= this.#chars
    this.#chars = 0
    return `[${this.#responses.join(",")}]`
  }
}
