/**
 * GatewayToken: owns the shared token. It decides whether there is one, follows its changes and hides it from the log.
 * Authenticator, StartupChecks, TokenRotation and ConfigReload use it.
 *
 * The token is the configured one. Without one the state folder keeps it, in a file that the first start makes. With
 * `auth: none` the gateway has no token.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { Logs } from "../logs/Logs.ts"
import { StateFolder } from "../storage/StateFolder.ts"
import type { Secret } from "./Secret.ts"
import { followToken, ensureToken } from "./TokenFile.ts"

export class GatewayToken extends Context.Service<
  GatewayToken,
  {
    /**
     * Returns the token in force: the same value until it changes. A rotated token file counts from the next call on,
     * which costs one `stat`. Returns `undefined` if `auth` is `none`.
     */
    readonly current: () => Secret | undefined
    /**
     * Emits every token that replaces another one. The gateway finds a rotated file within `monitorIntervalMs`, and
     * earlier if a client signs in meanwhile.
     */
    readonly changes: Stream.Stream<Secret>
    /**
     * Takes over the token of a reloaded configuration. Changes nothing if the token comes from the state folder, or
     * would come from there: the source of the token changes at the next start only.
     */
    readonly replace: (configured: Secret | undefined) => void
  }
>()("causeway/services/auth/GatewayToken") {
  /** Fails with StartupError if the token file cannot be read or made. */
  static readonly layer: Layer.Layer<GatewayToken, StartupError, GatewayConfig | Logs | StateFolder> = Layer.effect(
    GatewayToken,
    Effect.gen(function* () {
      const { auth, monitorIntervalMs, token: configured } = yield* GatewayConfig
      if (auth === "none")
        return GatewayToken.of({ current: () => undefined, changes: Stream.never, replace: () => {} })
      const logs = yield* Logs
      const { tokenFile } = yield* StateFolder
      const changes = yield* PubSub.unbounded<Secret>()
      let last = configured ?? (yield* ensureToken(tokenFile))
      logs.hide(last)

      const set = (token: Secret): Secret => {
        logs.hide(token)
        if (Redacted.value(token) === Redacted.value(last)) return last
        last = token
        PubSub.publishUnsafe(changes, token)
        return token
      }

      if (configured !== undefined) {
        return GatewayToken.of({
          current: () => last,
          changes: Stream.fromPubSub(changes),
          replace: (token) => void (token !== undefined && set(token)),
        })
      }
      const follow = followToken(tokenFile, last)
      const current = () => {
        const token = follow()
        return token === last ? last : set(token)
      }
      yield* Effect.sync(current).pipe(
        Effect.repeat(Schedule.spaced(Duration.millis(monitorIntervalMs))),
        Effect.forkScoped,
      )
      return GatewayToken.of({
        current,
        changes: Stream.fromPubSub(changes),
        replace: (token) => void (token !== undefined && logs.hide(token)),
      })
    }),
  )
}
