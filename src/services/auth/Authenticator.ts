/**
 * Authenticator: turns the credentials of a client into a principal, for every wire. It slows down wrong credentials and
 * locks out networks that guess short secrets. Pairings.ts decides on devices.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { AccessRequest, DeviceClaims, PairingRequired, ScopesNotGranted } from "../../domain/Device.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { everyScope, type Principal, type Role, type Scope } from "../../domain/Principal.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { AuthFailures, type CredentialKind } from "./AuthFailures.ts"
import type { IssuedToken } from "./Devices.ts"
import { Pairings } from "./Pairings.ts"
import { GatewayToken } from "./GatewayToken.ts"
import { type Match, SharedSecrets } from "./SharedSecrets.ts"

export type Secret = Redacted.Redacted<string>

/** A text that may be one of the gateway's secrets, and the field in which it came. */
interface Presented {
  readonly kind: "token" | "password"
  readonly secret: Secret
}

/** What a client presents, and what it asks for. */
export interface Credentials {
  /** The gateway's secrets, or a device's token in their place: clients mix them up, and a secret is right or wrong. */
  readonly token?: Secret | undefined
  readonly password?: Secret | undefined
  readonly deviceToken?: Secret | undefined
  /** A device that has proved its key for this connection. */
  readonly device?: Omit<DeviceClaims, "remoteAddress"> | undefined
  readonly role: Role
  /** Left out: all that the secret gives. */
  readonly scopes?: ReadonlyArray<Scope> | undefined
}

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
    /**
     * Authenticates by a secret alone, compared in constant time. A failure is held back and counted. Too many lock the
     * network out of secrets that can be guessed: the password and short tokens.
     */
    authenticate(secret: Secret | undefined, remoteAddress: string): Effect.Effect<Principal, Unauthenticated>
    /** By all that a handshake can carry. The principal has the scopes that it asked for, or the client is refused. */
    admit(credentials: Credentials, source: Source): Effect.Effect<Admission, AdmissionError>
    /** Takes over another password, or none. Returns whether an old password is no longer valid. */
    readonly replacePassword: (password: Secret | undefined) => boolean
  }
>()("causeway/services/auth/Authenticator") {
  static readonly layer: Layer.Layer<Authenticator, never, GatewayConfig | GatewayToken | Pairings> = Layer.effect(
    Authenticator,
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const pairings = yield* Pairings
      if (config.auth === "none") {
        return Authenticator.of({
          open: true,
          replacePassword: () => false,
          authenticate: () => Effect.succeed(anybody),
          admit: (credentials) => Effect.succeed({ principal: asAsked(anybody, credentials), issued: undefined }),
        })
      }
      const { authFailureDelayMs, authFailures, lockoutMs } = config.limits
      const secrets = new SharedSecrets((yield* GatewayToken).current, config.password)
      const failures = new AuthFailures(authFailures, lockoutMs)

      /** Counts wrong credentials, holds the answer back, and refuses. */
      const fail = Effect.fnUntraced(function* (wrong: ReadonlyArray<CredentialKind>, remoteAddress: string) {
        const now = yield* Clock.currentTimeMillis
        const count = Math.max(...wrong.map((kind) => failures.fail(kind, remoteAddress, now)))
        const credential = wrong[0]!
        yield* Effect.logWarning(`a wrong ${credential} from ${remoteAddress}, failure ${count}`)
        yield* Effect.sleep(Math.min(MAX_DELAY_MS, authFailureDelayMs * count))
        return yield* new Unauthenticated({ reason: "invalid", credential })
      })

      /** Finds the secret that cannot be guessed. It lets in whatever else came from the same network. */
      const matchStrong = (presented: ReadonlyArray<Presented>): Match | undefined => {
        for (const { secret } of presented) {
          const match = secrets.match(secret)
          if (match?.guessable === false) return match
        }
        return undefined
      }

      /**
       * Finds a secret that could be guessed, unless the network is locked out. A right and a wrong secret then get the
       * same answer, so that a guesser learns nothing. `others`: wrong credentials that came with them.
       */
      const matchGuessable = Effect.fnUntraced(function* (
        presented: ReadonlyArray<Presented>,
        remoteAddress: string,
        others: ReadonlyArray<CredentialKind> = [],
      ) {
        const now = yield* Clock.currentTimeMillis
        const wrong = [...others]
        let retryAfterMs = 0
        for (const { kind, secret } of presented) {
          const lockedMs = secrets.areGuessable ? failures.lockedOutForMs(kind, remoteAddress, now) : 0
          retryAfterMs = Math.max(retryAfterMs, lockedMs)
          if (lockedMs > 0) continue
          const match = secrets.match(secret)
          if (match !== undefined) {
            if (match.kind === kind) failures.forget(kind, remoteAddress)
            return match
          }
          wrong.push(kind)
        }
        if (retryAfterMs === 0) return yield* fail(wrong, remoteAddress)
        for (const kind of wrong) failures.fail(kind, remoteAddress, now)
        return yield* new Unauthenticated({ reason: "locked-out", retryAfterMs })
      })

      const authenticate = Effect.fnUntraced(function* (secret: Secret | undefined, remoteAddress: string) {
        if (secret === undefined) return yield* new Unauthenticated({ reason: "missing" })
        const presented: ReadonlyArray<Presented> = [{ kind: "token", secret }]
        return holders[(matchStrong(presented) ?? (yield* matchGuessable(presented, remoteAddress))).kind]
      })

      /**
       * Tries what cannot be guessed first: a strong token, then the device's own token. A right device token counts
       * alone, as a client could try passwords beside it without a failure. Only a device that asks for more than it
       * has needs one of the gateway's secrets.
       */
      const admit = Effect.fnUntraced(function* (credentials: Credentials, { direct, remoteAddress }: Source) {
        const { deviceToken, password, role, scopes, token } = credentials
        const shown = deviceToken ?? token
        if (shown === undefined && password === undefined) return yield* new Unauthenticated({ reason: "missing" })
        const presented = presentedIn(credentials)
        const candidate = credentials.device && { ...credentials.device, remoteAddress }
        let match = matchStrong(presented)
        if (match === undefined && candidate !== undefined && shown !== undefined) {
          const asked: AccessRequest = { role, scopes: scopes ?? [] }
          const recognized = yield* Effect.result(pairings.recognize(candidate, asked, shown))
          if (Result.isFailure(recognized)) {
            const others = presented.filter(({ secret }) => secret !== shown)
            if (others.length === 0) return yield* recognized.failure
            match = yield* Effect.mapError(matchGuessable(others, remoteAddress), () => recognized.failure)
          } else if (recognized.success !== undefined) {
            const grant = recognized.success
            const principal = asAsked({ ...deviceHolder, scopes: scopes ?? grant.scopes }, credentials)
            return { principal, issued: { token: shown, issuedAt: grant.issuedAt ?? 0, scopes: grant.scopes } }
          }
        }
        match ??= yield* matchGuessable(presented, remoteAddress, deviceToken === undefined ? [] : ["device-token"])
        const principal = asAsked(holders[match.kind], credentials)
        const issued = candidate && (yield* pairings.admit(candidate, principal, direct))
        return { principal, issued }
      })

      return Authenticator.of({
        open: false,
        authenticate,
        admit,
        replacePassword: (password) => secrets.replacePassword(password),
      })
    }),
  )
}

const MAX_DELAY_MS = 2_000

const presentedIn = ({ password, token }: Credentials): ReadonlyArray<Presented> => [
  ...(token === undefined ? [] : [{ kind: "token", secret: token } as const]),
  ...(password === undefined ? [] : [{ kind: "password", secret: password } as const]),
]

const tokenHolder: Principal = { id: "operator", kind: "token", role: "operator", scopes: everyScope }

const passwordHolder: Principal = { ...tokenHolder, kind: "password" }

const holders = { token: tokenHolder, password: passwordHolder }

const deviceHolder: Principal = { ...tokenHolder, kind: "device" }

const anybody: Principal = { id: "anybody", kind: "none", role: "operator", scopes: everyScope }

/** A node holds no scopes of operators. */
const asAsked = (holder: Principal, { device, role, scopes = holder.scopes }: Credentials): Principal => ({
  ...holder,
  role,
  scopes: role === "node" ? [] : scopes,
  ...(device !== undefined && { id: device.deviceId, deviceId: device.deviceId }),
})
