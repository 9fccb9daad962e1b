/**
 * Authenticator: from what a client presents to a principal, the same for every wire. Slows down and locks out
 * addresses that guess. It knows no frame.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { Principal } from "../domain/Principal.ts"
import type { Unauthenticated } from "../domain/Refusal.ts"

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
>()("causeway/services/Authenticator") {}
