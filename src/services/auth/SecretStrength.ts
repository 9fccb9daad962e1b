/**
 * SecretStrength: says which secrets are too short. On loopback a short secret is a warning. A gateway that other machines
 * reach refuses to start with one.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isLoopback } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"

/** 16 random letters and digits are 95 bits. */
export const SHORTEST_SECRET = 16

/** From this length on a token cannot be guessed: 32 hexadecimal digits are 128 bits. */
const UNGUESSABLE_TOKEN = 32

/** Returns whether a program could find the token by trying texts, as fast as the gateway answers. */
export const isGuessable = (token: Redacted.Redacted<string>): boolean =>
  Redacted.value(token).length < UNGUESSABLE_TOKEN

export interface Weakness {
  readonly problem: string
  readonly remedy: string
  /** Other machines reach the gateway, so it does not start. */
  readonly isFatal: boolean
}

type Secrets = Pick<GatewaySettings, "auth" | "password" | "token">

/** The secrets that are too short. */
export const weaknesses = (host: string, { auth, password, token }: Secrets): ReadonlyArray<Weakness> =>
  Object.entries({ token, password }).flatMap(([name, secret]) => {
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

/** Logs a warning for each weakness, or fails with the first that is fatal. */
export const checkSecrets = Effect.fnUntraced(function* (host: string, secrets: Secrets) {
  for (const { isFatal, problem, remedy } of weaknesses(host, secrets)) {
    if (isFatal) return yield* new StartupError({ problem, remedy })
    yield* Effect.logWarning(`${problem}: ${remedy}`)
  }
})
