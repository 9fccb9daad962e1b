/**
 * SharedSecrets: the gateway's token and password, as hashes to compare with. Authenticator.ts uses it. The token is the
 * configured one, or the one that the state folder keeps.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { hash, timingSafeEqual } from "node:crypto"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { isGuessable } from "./SecretStrength.ts"
import { StateFolder } from "../storage/StateFolder.ts"
import { followToken } from "../storage/TokenFile.ts"

export type ConfiguredSecrets = Pick<GatewaySettings, "token" | "password">

/** Which secret a text is. */
export interface Match {
  readonly kind: "token" | "password"
  /** Whether a program that tries texts could find it. */
  readonly guessable: boolean
}

interface Known extends Match {
  readonly digest: Buffer
}

export class SharedSecrets {
  #configured: Readonly<Record<Match["kind"], Known | undefined>>
  /** Returns the state folder's own token, where the configuration has none. */
  readonly #kept: (() => Known) | undefined

  private constructor(configured: ConfiguredSecrets, kept: (() => Known) | undefined) {
    this.#configured = known(configured)
    this.#kept = kept
  }

  static readonly make = Effect.fnUntraced(function* (configured: ConfiguredSecrets) {
    return new SharedSecrets(configured, configured.token === undefined ? yield* keptToken : undefined)
  })

  /** Compares in constant time. */
  match(presented: Redacted.Redacted<string>): Match | undefined {
    const digest = digestOf(presented)
    return [this.#token, this.#configured.password].find((secret) => isSame(digest, secret))
  }

  /** Whether there is a secret that a program could find by trying texts. */
  get areGuessable(): boolean {
    return this.#configured.password !== undefined || this.#token?.guessable === true
  }

  /** Takes over configured secrets and returns the kinds whose old secret is no longer valid. */
  replace(configured: ConfiguredSecrets): ReadonlyArray<Match["kind"]> {
    const { password, token = this.#configured.token } = known(configured)
    const next = { password, token: this.#kept === undefined ? token : undefined }
    const changed = (["token", "password"] as const).filter((kind) => {
      const before = this.#configured[kind]
      return before !== undefined && !isSame(before.digest, next[kind])
    })
    this.#configured = next
    return changed
  }

  get #token(): Known | undefined {
    return this.#kept === undefined ? this.#configured.token : this.#kept()
  }
}

/** Follows the token file: a rotated token counts at once, without a restart. */
const keptToken = Effect.gen(function* () {
  const { token, tokenFile } = yield* StateFolder
  const current = followToken(tokenFile, yield* token)
  let last = { token: current(), known: knownAs("token", current()) }
  return () => {
    const token = current()
    if (token !== last.token) last = { token, known: knownAs("token", token) }
    return last.known
  }
})

const known = ({ password, token }: ConfiguredSecrets) => ({
  token: token && knownAs("token", token),
  password: password && knownAs("password", password),
})

const knownAs = (kind: Match["kind"], secret: Redacted.Redacted<string>): Known => ({
  kind,
  guessable: kind === "password" || isGuessable(secret),
  digest: digestOf(secret),
})

/**
 * Comparing in constant time needs texts of equal length. The line end that a client has read from a file does not count:
 * configured secrets have none.
 */
const digestOf = (secret: Redacted.Redacted<string>): Buffer => hash("sha256", Redacted.value(secret).trim(), "buffer")

const isSame = (presented: Buffer, secret: Known | undefined): boolean =>
  secret !== undefined && timingSafeEqual(presented, secret.digest)
