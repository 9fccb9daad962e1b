/**
 * SecretMask: masks secrets in a text that arrives in pieces. It holds the end of a piece back while that may be the
 * beginning of a secret, so at most the length of a secret. It is pure. RunSecrets and RuntimeOutput use it.
 */

const MASK = "[secret]"

interface Found {
  readonly at: number
  readonly end: number
}

/** Returns the first secret in the text, and the longest of those that begin there. */
const firstIn = (text: string, from: number, secrets: ReadonlyArray<string>): Found | undefined => {
  let found: Found | undefined
  for (const secret of secrets) {
    const at = text.indexOf(secret, from)
    if (at === -1) continue
    const end = at + secret.length
    if (found === undefined || at < found.at || (at === found.at && end > found.end)) found = { at, end }
  }
  return found
}

/** Returns the first place from which the rest of the text is the beginning of a longer secret, or its length. */
const beginningIn = (text: string, from: number, secrets: ReadonlyArray<string>): number => {
  let first = text.length
  for (const secret of secrets) {
    for (let at = Math.max(from, text.length - secret.length + 1); at < first; at++) {
      if (secret.startsWith(text.slice(at))) first = at
    }
  }
  return first
}

export class SecretMask {
  #held = ""

  /** Returns the text with masks so far. */
  next(piece: string, secrets: ReadonlyArray<string>): string {
    return this.#read(this.#held + piece, secrets, false)
  }

  /** Returns the rest of the text with masks, with a last piece. */
  last(piece: string, secrets: ReadonlyArray<string>): string {
    return this.#read(this.#held + piece, secrets, true)
  }

  #read(text: string, secrets: ReadonlyArray<string>, isLast: boolean): string {
    let masked = ""
    let from = 0
    while (true) {
      const held = isLast ? text.length : beginningIn(text, from, secrets)
      const found = firstIn(text, from, secrets)
      if (found === undefined || found.at >= held) {
        this.#held = text.slice(held)
        return masked + text.slice(from, held)
      }
      masked += text.slice(from, found.at) + MASK
      from = found.end
    }
  }
}
