/**
 * Authenticator: from what a client presents to a principal, the same for every wire. Slows down and locks out
 * addresses that guess. It knows no frame; whether a device is let in is asked of Pairings.ts.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { hash, timingSafeEqual } from "node:crypto"
import type { Asked, Candidate, PairingRequired, ScopesNotGranted } from "../domain/Device.ts"
import { GatewayConfig, type GatewaySettings } from "../domain/GatewayConfig.ts"
import { everyScope, type Principal, type Role, type Scope } from "../domain/Principal.ts"
import { Unauthenticated } from "../domain/Refusal.ts"
import type { StartupError } from "../domain/StartupError.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import type { IssuedToken } from "./Devices.ts"
import { Guesses } from "./Guesses.ts"
import { Pairings } from "./Pairings.ts"
import { StateFolder } from "./StateFolder.ts"
import { followToken } from "./TokenFile.ts"

export type Secret = Redacted.Redacted<string>

/** What a client presents, and what it asks for. */
export interface Credentials {
  /** The gateway's secrets, or a device's token in their place: clients mix them up, and a secret is right or wrong. */
  readonly token?: Secret | undefined
  readonly password?: Secret | undefined
  readonly deviceToken?: Secret | undefined
  /** A device that has proved its key for this connection. */
  readonly device?: Omit<Candidate, "remoteAddress"> | undefined
  readonly role: Role
  /** Left out: all that the secret gives. */
  readonly scopes?: ReadonlyArray<Scope> | undefined
}

type ConfiguredSecrets = Pick<GatewaySettings, "token" | "password">

/** Where a client comes from. */
export interface Source {
  readonly remoteAddress: string
  /** From this machine, with nobody between. */
  readonly direct: boolean
}

export interface Admission {
  readonly principal: Principal
  /** The token by which the device can come back: a new one, or the one that it has shown. */
  readonly issued: IssuedToken | undefined
}

export type AdmissionError = Unauthenticated | PairingRequired | ScopesNotGranted | StorageUnavailable

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** Whether nothing needs to be presented (auth `none`). */
    readonly open: boolean
    /** By a secret alone. Checks in constant time; a failure is held back, counted and in the end locks the address out. */
    authenticate(secret: Secret | undefined, remoteAddress: string): Effect.Effect<Principal, Unauthenticated>
    /** By all that a handshake can carry. The principal has the scopes that it asked for, or the client is refused. */
    admit(credentials: Credentials, source: Source): Effect.Effect<Admission, AdmissionError>
    /**
     * Takes over the configured secrets and returns those that are no longer valid. A token is not taken over where one
     * of the two is the state folder's own.
     */
    readonly replaceSecrets: (secrets: ConfiguredSecrets) => ReadonlyArray<"token" | "password">
  }
>()("causeway/services/Authenticator") {
  /** The secrets of the configuration; without a token there, the one that the state folder keeps. */
  static readonly layer: Layer.Layer<Authenticator, StartupError, GatewayConfig | Pairings | StateFolder> =
    Layer.effect(
      Authenticator,
      Effect.gen(function* () {
        const config = yield* GatewayConfig
        const pairings = yield* Pairings
        if (config.auth === "none") {
          return Authenticator.of({
            open: true,
            replaceSecrets: () => [],
            authenticate: () => Effect.succeed(anybody),
            admit: (credentials) => Effect.succeed({ principal: asAsked(anybody, credentials), issued: undefined }),
          })
        }
        const { authFailureDelayMs, authFailures, lockoutMs } = config.limits
        let configured = digests(config)
        const kept = config.token === undefined ? yield* keptToken : undefined
        const guesses = new Guesses(authFailures, lockoutMs)

        const holderOf = Effect.fnUntraced(function* (secret: Secret | undefined) {
          if (secret === undefined) return undefined
          const presented = digest(secret)
          const token = kept === undefined ? configured.token : yield* kept
          if (isSame(presented, token)) return tokenHolder
          return isSame(presented, configured.password) ? passwordHolder : undefined
        })

        const checkLockout = Effect.fnUntraced(function* (remoteAddress: string) {
          const retryAfterMs = guesses.lockedOutForMs(remoteAddress, yield* Clock.currentTimeMillis)
          if (retryAfterMs > 0) return yield* new Unauthenticated({ reason: "locked-out", retryAfterMs })
        })

        const fail = Effect.fnUntraced(function* (
          remoteAddress: string,
          credential: "token" | "password" | "device-token",
        ) {
          const failures = guesses.fail(remoteAddress, yield* Clock.currentTimeMillis)
          yield* Effect.logWarning(`a wrong ${credential} from ${remoteAddress}, failure ${failures}`)
          yield* Effect.sleep(Math.min(MAX_DELAY_MS, authFailureDelayMs * failures))
          return yield* new Unauthenticated({ reason: "invalid", credential })
        })

        const authenticate = Effect.fnUntraced(function* (secret: Secret | undefined, remoteAddress: string) {
          if (secret === undefined) return yield* new Unauthenticated({ reason: "missing" })
          yield* checkLockout(remoteAddress)
          const holder = yield* holderOf(secret)
          if (holder === undefined) return yield* fail(remoteAddress, "token")
          guesses.forget(remoteAddress)
          return holder
        })

        const admit = Effect.fnUntraced(function* (credentials: Credentials, { direct, remoteAddress }: Source) {
          const { deviceToken, password, role, scopes } = credentials
          const shown = deviceToken ?? credentials.token
          if (shown === undefined && password === undefined) return yield* new Unauthenticated({ reason: "missing" })
          yield* checkLockout(remoteAddress)
          const candidate = credentials.device && { ...credentials.device, remoteAddress }
          const holder = (yield* holderOf(credentials.token)) ?? (yield* holderOf(password))
          if (holder !== undefined) {
            guesses.forget(remoteAddress)
            const principal = asAsked(holder, credentials)
            const issued = candidate && (yield* pairings.admit(candidate, principal, direct))
            return { principal, issued }
          }
          if (candidate !== undefined && shown !== undefined) {
            const asked: Asked = { role, scopes: scopes ?? [] }
            const grant = yield* pairings.recognize(candidate, asked, shown)
            if (grant !== undefined) {
              guesses.forget(remoteAddress)
              const given = scopes ?? grant.scopes
              const principal = asAsked({ ...deviceHolder, scopes: given }, credentials)
              return { principal, issued: { token: shown, issuedAt: grant.issuedAt ?? 0, scopes: grant.scopes } }
            }
          }
          return yield* fail(
            remoteAddress,
            deviceToken !== undefined ? "device-token" : credentials.token !== undefined ? "token" : "password",
          )
        })

        const replaceSecrets: Authenticator["Service"]["replaceSecrets"] = (secrets) => {
          const { password, token = configured.token } = digests(secrets)
          const next = { token: kept === undefined ? token : undefined, password }
          const changed = (["token", "password"] as const).filter((kind) => {
            const before = configured[kind]
            return before !== undefined && !isSame(before, next[kind])
          })
          configured = next
          return changed
        }

        return Authenticator.of({ open: false, authenticate, admit, replaceSecrets })
      }),
    )
}

const MAX_DELAY_MS = 2_000

/** What the state folder keeps now: a token that is rotated counts at once, without a restart. */
const keptToken = Effect.gen(function* () {
  const { token, tokenFile } = yield* StateFolder
  const current = followToken(tokenFile, yield* token)
  let digested = { token: current(), digest: digest(current()) }
  return Effect.sync(() => {
    const token = current()
    if (token !== digested.token) digested = { token, digest: digest(token) }
    return digested.digest
  })
})

const tokenHolder: Principal = { id: "operator", kind: "token", role: "operator", scopes: everyScope }

const passwordHolder: Principal = { ...tokenHolder, kind: "password" }

const deviceHolder: Principal = { ...tokenHolder, kind: "device" }

const anybody: Principal = { id: "anybody", kind: "none", role: "operator", scopes: everyScope }

/** A node holds no scopes of operators. */
const asAsked = (holder: Principal, { device, role, scopes = holder.scopes }: Credentials): Principal => ({
  ...holder,
  role,
  scopes: role === "node" ? [] : scopes,
  ...(device !== undefined && { id: device.deviceId, deviceId: device.deviceId }),
})

/**
 * Of equal length whatever the secret, as comparing in constant time asks for. Without the line end that a client has
 * read from a file: configured secrets have none.
 */
const digest = (secret: Secret): Buffer => hash("sha256", Redacted.value(secret).trim(), "buffer")

const digests = ({ password, token }: ConfiguredSecrets) => ({
  token: token && digest(token),
  password: password && digest(password),
})

const isSame = (presented: Buffer, expected: Buffer | undefined): boolean =>
  expected !== undefined && timingSafeEqual(presented, expected)
