/**
 * Authenticator: from what a client presents to a principal, the same for every wire. Slows down and locks out
 * addresses that guess. It knows no frame.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { hash, timingSafeEqual } from "node:crypto"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { everyScope, type Principal } from "../domain/Principal.ts"
import { Unauthenticated } from "../domain/Refusal.ts"
import type { StartupError } from "../domain/StartupError.ts"
import { Guesses } from "./Guesses.ts"
import { StateFolder } from "./StateFolder.ts"

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** Whether nothing needs to be presented (auth `none`). */
    readonly open: boolean
    /** Checks in constant time; a failure is held back, counted and in the end locks the address out. */
    authenticate(
      token: Redacted.Redacted<string> | undefined,
      remoteAddress: string,
    ): Effect.Effect<Principal, Unauthenticated>
  }
>()("causeway/services/Authenticator") {
  /** The token of the configuration, or else the one that the state folder keeps. */
  static readonly layer: Layer.Layer<Authenticator, StartupError, GatewayConfig | StateFolder> = Layer.effect(
    Authenticator,
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      if (config.auth === "none") {
        return Authenticator.of({ open: true, authenticate: () => Effect.succeed(anybody) })
      }
      const { authFailureDelayMs, authFailures, lockoutMs } = config.limits
      const right = digest(config.token ?? (yield* (yield* StateFolder).token))
      const guesses = new Guesses(authFailures, lockoutMs)

      const authenticate = Effect.fnUntraced(function* (
        token: Redacted.Redacted<string> | undefined,
        remoteAddress: string,
      ) {
        if (token === undefined) return yield* new Unauthenticated({ reason: "missing" })
        const now = yield* Clock.currentTimeMillis
        if (guesses.isLockedOut(remoteAddress, now)) return yield* new Unauthenticated({ reason: "locked-out" })
        if (timingSafeEqual(digest(token), right)) {
          guesses.forget(remoteAddress)
          return holder
        }
        const failures = guesses.fail(remoteAddress, now)
        yield* Effect.logWarning(`a wrong token from ${remoteAddress}, failure ${failures}`)
        yield* Effect.sleep(Math.min(MAX_DELAY_MS, authFailureDelayMs * failures))
        return yield* new Unauthenticated({ reason: "invalid" })
      })

      return Authenticator.of({ open: false, authenticate })
    }),
  )
}

const MAX_DELAY_MS = 2_000

const holder: Principal = { id: "operator", kind: "token", role: "operator", scopes: everyScope }

const anybody: Principal = { id: "anybody", kind: "none", role: "operator", scopes: everyScope }

/** Of equal length whatever the token, as comparing in constant time asks for. */
const digest = (token: Redacted.Redacted<string>): Buffer => hash("sha256", Redacted.value(token), "buffer")
