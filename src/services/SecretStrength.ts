/**
 * How long the gateway's secrets must be. A short secret is guessed: on loopback that is a warning, and a gateway that
 * other machines reach refuses to start.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isWithin, parseRange, type Range } from "../domain/Address.ts"
import type { GatewaySettings } from "../domain/GatewayConfig.ts"
import { StartupError } from "../domain/StartupError.ts"

/** 16 random letters and digits are 95 bits. */
export const SHORTEST_SECRET = 16

const loopback = ["127.0.0.0/8", "::1"].map(parseRange).filter((range): range is Range => range !== undefined)

const isLoopback = (host: string): boolean => host.toLowerCase() === "localhost" || isWithin(loopback, host)

export const checkSecrets = Effect.fnUntraced(function* (
  host: string,
  { auth, password, token }: Pick<GatewaySettings, "auth" | "password" | "token">,
) {
  if (auth === "none") return
  for (const [name, secret] of [
    ["token", token],
    ["password", password],
  ] as const) {
    if (secret === undefined) continue
    const { length } = Redacted.value(secret)
    if (length >= SHORTEST_SECRET) continue
    const problem = `the ${name} has ${length} characters, which a program can guess`
    const remedy = `take ${SHORTEST_SECRET} characters or more, e.g. by \`openssl rand -hex 32\``
    if (!isLoopback(host)) {
      return yield* new StartupError({ problem: `${problem}, and other machines reach ${host}`, remedy })
    }
    yield* Effect.logWarning(`${problem}: ${remedy}`)
  }
})
