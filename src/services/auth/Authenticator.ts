/**
 * Authenticator: turns the credentials of a client into a principal. Every wire and HTTP route uses it. It delays the
 * answer to wrong credentials and locks out networks that guess short secrets. Pairings decides on devices.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { AccessRequest, DeviceClaims, PairingRequired, ScopesNotGranted } from "../../domain/Device.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { everyScope, type Principal, type Role, type Scope } from "../../domain/Principal.ts"
import { type CredentialKind, Unauthenticated } from "../../domain/Refusal.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { EventBus } from "../storage/EventBus.ts"
import { AuthFailures } from "./AuthFailures.ts"
import type { IssuedToken } from "./Devices.ts"
import { Pairings } from "./Pairings.ts"
import { GatewayToken } from "./GatewayToken.ts"
import type { Secret } from "./Secret.ts"
import { type Match, SharedSecrets } from "./SharedSecrets.ts"

/** A text that may be one of the shared secrets, and the field that carried it. */
interface Presented {
  readonly kind: "token" | "password"
  readonly secret: Secret
}

/** The secrets that a client presents in a handshake, and the access that it requests. */
export interface Credentials {
  /** A shared secret or a device token. Clients mix up the fields, so each field is compared with all of them. */
  readonly token?: Secret | undefined
  readonly password?: Secret | undefined
  readonly deviceToken?: Secret | undefined
  /** The claims of a device that has proved its key on this connection. */
  readonly device?: Omit<DeviceClaims, "remoteAddress"> | undefined
  readonly role: Role
  /** Left out: all scopes of the credential. */
  readonly scopes?: ReadonlyArray<Scope> | undefined
}

/** The network address of a client. */
export interface NetworkOrigin {
  readonly remoteAddress: string
  /** Whether the client runs on this machine and connects without a proxy. */
  readonly direct: boolean
}

/** The result of a handshake. */
export interface SignIn {
  readonly principal: Principal
  /** The token for the next sign-in of the device: a new one, or the one that it presented. */
  readonly issued: IssuedToken | undefined
}

export type SignInError = Unauthenticated | PairingRequired | ScopesNotGranted | StorageUnavailable

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** Whether clients need no credentials (`auth: none`). */
    readonly open: boolean
    /**
     * Authenticates by a shared secret. The principal is an operator with every scope. Compares in constant time.
     *
     * Fails with `Unauthenticated`: `missing` if there is no secret, `invalid` if it is wrong, `locked-out` with
     * `retryAfterMs` if the network had too many wrong secrets. A wrong secret fails after `limits.authFailureDelayMs`
     * per failure, 2 s at most. A lockout applies to secrets that can be guessed: the password and short tokens.
     *
     * The effect is an Exit if the answer needs no wait.
     */
    authenticate(secret: Secret | undefined, remoteAddress: string): Effect.Effect<Principal, Unauthenticated>
    /**
     * Authenticates by the credentials of a handshake. The principal has exactly the requested scopes, a node none.
     *
     * Fails with `Unauthenticated` like `authenticate`, with `PairingRequired` if an operator must approve the device,
     * with `ScopesNotGranted` if the device's token does not grant the scopes, and with `StorageUnavailable` if a new
     * grant cannot be stored.
     */
    signIn(credentials: Credentials, origin: NetworkOrigin): Effect.Effect<SignIn, SignInError>
    /** Takes over another password, or none. Returns whether an old password is no longer valid. */
    readonly replacePassword: (password: Secret | undefined) => boolean
  }
>()("causeway/services/auth/Authenticator") {
  static readonly layer: Layer.Layer<Authenticator, never, EventBus | GatewayConfig | GatewayToken | Pairings> =
    Layer.effect(
      Authenticator,
      Effect.gen(function* () {
        const config = yield* GatewayConfig
        const pairings = yield* Pairings
        if (config.auth === "none") {
          return Authenticator.of({
            open: true,
            replacePassword: () => false,
            authenticate: () => Effect.succeed(openPrincipal),
            signIn: (credentials) =>
              Effect.succeed({ principal: principalFor(openPrincipal, credentials), issued: undefined }),
          })
        }
        const { authFailureDelayMs, authFailures, lockoutMs } = config.limits
        const secrets = new SharedSecrets((yield* GatewayToken).current, config.password)
        const failures = new AuthFailures(authFailures, lockoutMs)
        const bus = yield* EventBus
        const clock = yield* Clock.Clock
        yield* bus.subscribe("AuthFailed", ({ address, kind }) => {
          failures.fail(kind, address, clock.currentTimeMillisUnsafe())
        })
        yield* bus.subscribe("AuthSucceeded", ({ address, kind }) => failures.forget(kind, address))

        /** Counts a wrong credential on all nodes. Returns the failures of the network. */
        const count = (kind: CredentialKind, address: string, now: number): number => {
          bus.publish({ _tag: "AuthFailed", kind, address })
          return failures.fail(kind, address, now)
        }

        const forget = (kind: CredentialKind, address: string): void => {
          bus.publish({ _tag: "AuthSucceeded", kind, address })
          failures.forget(kind, address)
        }

        /** Counts wrong credentials and fails after a delay. */
        const fail = Effect.fnUntraced(function* (wrong: ReadonlyArray<CredentialKind>, remoteAddress: string) {
          const now = yield* Clock.currentTimeMillis
          const failed = Math.max(...wrong.map((kind) => count(kind, remoteAddress, now)))
          const credential = wrong[0]!
          if (failed === Math.max(1, authFailures) && secrets.areGuessable) {
            yield* Effect.annotateLogs(Effect.logWarning("an address is locked out"), {
              address: remoteAddress,
              credential,
              ms: lockoutMs,
            })
          }
          yield* Effect.logWarning(`a wrong ${credential} from ${remoteAddress}, failure ${failed}`)
          yield* Effect.sleep(Math.min(MAX_DELAY_MS, authFailureDelayMs * failed))
          return yield* new Unauthenticated({ reason: "invalid", credential })
        })

        /** Finds a presented secret that cannot be guessed. No lockout applies to it. */
        const matchStrong = (presented: ReadonlyArray<Presented>): Match | undefined => {
          for (const { secret } of presented) {
            const match = secrets.match(secret)
            if (match?.guessable === false) return match
          }
          return undefined
        }

        /**
         * Finds a presented secret that can be guessed, unless the network is locked out. During a lockout right and wrong
         * secrets get the same answer, so that a guesser learns nothing. `others`: wrong credentials of the same client.
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
              if (match.kind === kind) forget(kind, remoteAddress)
              return match
            }
            wrong.push(kind)
          }
          if (retryAfterMs === 0) return yield* fail(wrong, remoteAddress)
          for (const kind of wrong) count(kind, remoteAddress, now)
          return yield* new Unauthenticated({ reason: "locked-out", retryAfterMs })
        })

        const authenticate = (secret: Secret | undefined, remoteAddress: string) => {
          if (secret === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
          const presented: ReadonlyArray<Presented> = [{ kind: "token", secret }]
          const match = matchStrong(presented)
          if (match !== undefined) return Effect.succeed(principals[match.kind])
          return Effect.map(matchGuessable(presented, remoteAddress), ({ kind }) => principals[kind])
        }

        /**
         * Tries the secrets that cannot be guessed first: a strong token, then the device's own token. A right device
         * token decides alone: otherwise a client could try passwords beside it without a failure. Only a device that
         * requests more than its token grants needs a shared secret.
         */
        const signIn = Effect.fnUntraced(function* (
          credentials: Credentials,
          { direct, remoteAddress }: NetworkOrigin,
        ) {
          const { deviceToken, password, role, scopes, token } = credentials
          const claimedToken = deviceToken ?? token
          if (claimedToken === undefined && password === undefined)
            return yield* new Unauthenticated({ reason: "missing" })
          const presented = presentedIn(credentials)
          const claims = credentials.device && { ...credentials.device, remoteAddress }
          let match = matchStrong(presented)
          if (match === undefined && claims !== undefined && claimedToken !== undefined) {
            const request: AccessRequest = { role, scopes: scopes ?? [] }
            const result = yield* Effect.result(pairings.authenticateDevice(claims, request, claimedToken))
            if (Result.isFailure(result)) {
              const others = presented.filter(({ secret }) => secret !== claimedToken)
              if (others.length === 0) return yield* result.failure
              match = yield* Effect.mapError(matchGuessable(others, remoteAddress), () => result.failure)
            } else if (result.success !== undefined) {
              const grant = result.success
              const principal = principalFor({ ...devicePrincipal, scopes: scopes ?? grant.scopes }, credentials)
              return { principal, issued: { token: claimedToken, issuedAt: grant.issuedAt ?? 0, scopes: grant.scopes } }
            }
          }
          match ??= yield* matchGuessable(presented, remoteAddress, deviceToken === undefined ? [] : ["device-token"])
          const principal = principalFor(principals[match.kind], credentials)
          const issued = claims && (yield* pairings.authorizeDevice(claims, principal, direct))
          return { principal, issued }
        })

        return Authenticator.of({
          open: false,
          authenticate,
          signIn,
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

const tokenPrincipal: Principal = { id: "operator", kind: "token", role: "operator", scopes: everyScope }

const passwordPrincipal: Principal = { ...tokenPrincipal, kind: "password" }

const principals = { token: tokenPrincipal, password: passwordPrincipal }

const devicePrincipal: Principal = { ...tokenPrincipal, kind: "device" }

const openPrincipal: Principal = { id: "anybody", kind: "none", role: "operator", scopes: everyScope }

/** Returns the principal with the requested role, scopes and device. A node has no operator scopes. */
const principalFor = (base: Principal, { device, role, scopes = base.scopes }: Credentials): Principal => ({
  ...base,
  role,
  scopes: role === "node" ? [] : scopes,
  ...(device !== undefined && { id: device.deviceId, deviceId: device.deviceId }),
})
