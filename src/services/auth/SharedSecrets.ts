/**
 * SharedSecrets: compares presented texts with the gateway's token and password. It keeps hashes of them. Authenticator
 * uses it, and HookAccess.ts compares the token of hooks in the same way.
 */
import * as Redacted from "effect/Redacted"
import { hash, timingSafeEqual } from "node:crypto"
import type { GatewayToken } from "./GatewayToken.ts"
import type { Secret } from "./Secret.ts"
import { isGuessable } from "./SecretStrength.ts"

/** The shared secret that equals a presented text. */
export interface Match {
  readonly kind: "token" | "password"
  /** Whether a program that tries texts could find it. */
  readonly guessable: boolean
}

export interface HashedSecret extends Match {
  readonly digest: Buffer
}

export class SharedSecrets {
  readonly #currentToken: GatewayToken["Service"]["current"]
  #token: { readonly secret: Secret | undefined; readonly hashed: HashedSecret | undefined }
  #password: HashedSecret | undefined

  constructor(currentToken: GatewayToken["Service"]["current"], password: Secret | undefined) {
    this.#currentToken = currentToken
    this.#token = { secret: undefined, hashed: undefined }
    this.#password = hashed("password", password)
  }

  /** Returns the secret that equals the text, or `undefined`. Compares in constant time. */
  match(presented: Secret): Match | undefined {
    const digest = digestOf(presented)
    return [this.#hashedToken(), this.#password].find((secret) => isSame(digest, secret))
  }

  /** Whether a program could find one of the secrets by trying texts. */
  get areGuessable(): boolean {
    return this.#password !== undefined || this.#hashedToken()?.guessable === true
  }

  /** Takes over another password, or none. Returns whether an old password is no longer valid. */
  replacePassword(password: Secret | undefined): boolean {
    const before = this.#password
    this.#password = hashed("password", password)
    return before !== undefined && !isSame(before.digest, this.#password)
  }

  /** Hashes the token again if it has changed. */
  #hashedToken(): HashedSecret | undefined {
    const secret = this.#currentToken()
    if (secret !== this.#token.secret) this.#token = { secret, hashed: hashed("token", secret) }
    return this.#token.hashed
  }
}

export const hashed = (kind: Match["kind"], secret: Secret | undefined): HashedSecret | undefined =>
  secret && { kind, guessable: kind === "password" || isGuessable(secret), digest: digestOf(secret) }

/**
 * Hashes to equal lengths, which a comparison in constant time needs. It ignores surrounding blanks: clients send the
 * line end of a file, and configured secrets have none.
 */
const digestOf = (secret: Secret): Buffer => hash("sha256", Redacted.value(secret).trim(), "buffer")

/** Whether the text equals the secret. Compares in constant time. */
export const equals = (presented: Secret, secret: HashedSecret): boolean => isSame(digestOf(presented), secret)

const isSame = (presented: Buffer, secret: HashedSecret | undefined): boolean =>
  secret !== undefined && timingSafeEqual(presented, secret.digest)
