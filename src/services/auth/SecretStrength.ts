/**
 * SecretStrength: finds secrets that are too short. A short secret is a warning on loopback, and an error if other machines
 * reach the gateway. StartupChecks, ConfigReload, SharedSecrets and `causeway doctor` use it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isLoopback } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"

/** 16 random letters and digits are 95 bits. */
const SHORTEST_SECRET = 16

/** Nobody can guess a token of this length or more: 32 hexadecimal digits are 128 bits. */
const UNGUESSABLE_TOKEN = 32

/** Returns whether a program could find the token by trying texts at the speed of the gateway. */
export const isGuessable = (token: Redacted.Redacted<string>): boolean =>
  Redacted.value(token).length < UNGUESSABLE_TOKEN

/** A secret that is too short. */
export interface Weakness {
  readonly problem: string
  readonly remedy: string
  /** Whether other machines reach the gateway, so that it must not start. */
  readonly isFatal: boolean
}

type Secrets = Pick<GatewaySettings, "auth" | "password" | "token"> & {
  readonly hooks?: Pick<GatewaySettings["hooks"], "token">
}

/** Returns the secrets that are too short for a gateway that listens on `host`. */
export const weaknesses = (host: string, { auth, hooks, password, token }: Secrets): ReadonlyArray<Weakness> =>
  Object.entries({ token, password, "hook token": hooks?.token }).flatMap(([name, secret]) => {
    const length = secret === undefined ? SHORTEST_SECRET : Redacted.value(secret).length
    if (auth === "none" || length >= SHORTEST_SECRET) return []
    const isFatal = !isLoopback(host)
    return [
      {
        problem: `the ${name} has ${length} characters, which a program can guess${isFatal ? `, and other machines reach ${host}` : ""}`,
        remedy: `take ${SHORTEST_SECRET} characters or more, e.g. by \`openssl rand -hex 32\``,
        isFatal,
      },
    ]
  })

/** Logs a warning for each weakness. Fails with StartupError at the first fatal one. */
export const checkSecrets = Effect.fnUntraced(function* (host: string, secrets: Secrets) {
  for (const { isFatal, problem, remedy } of weaknesses(host, secrets)) {
    if (isFatal) return yield* new StartupError({ problem, remedy })
    yield* Effect.logWarning(`${problem}: ${remedy}`)
  }
})
