/**
 * CredentialChoice: chooses the credential of each connection: the secret of the settings, or the token that the gateway has
 * given to the device. A refusal may change the choice. Connection.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Credential } from "./Connect.ts"
import type { DeviceFile } from "./DeviceFile.ts"
import type { ErrorShape } from "./Frames.ts"
import { decide, type Decision } from "./Refusal.ts"

export interface CredentialSettings {
  readonly token: Redacted.Redacted<string> | undefined
  readonly password: Redacted.Redacted<string> | undefined
  readonly device: DeviceFile | undefined
}

export interface CredentialChoice {
  /** Returns the credential of the next connection. */
  readonly next: Effect.Effect<Credential>
  /** Keeps the token of the device for later connections. */
  readonly keep: (deviceToken: Redacted.Redacted<string>) => Effect.Effect<void>
  /** Decides what follows the refusal of the last credential. */
  readonly refused: (error: ErrorShape) => Effect.Effect<Decision>
}

/** `gateway`: the address under which the device's file has the token. `warn` logs a problem of the file. */
export const make = (
  { device, password, token }: CredentialSettings,
  gateway: string,
  warn: (problem: string) => Effect.Effect<void>,
): CredentialChoice => {
  const secret: Credential | undefined =
    token === undefined && password === undefined
      ? undefined
      : { _tag: "Secret", token: token && Redacted.value(token), password: password && Redacted.value(password) }
  let prefersDeviceToken = secret === undefined
  let hasSwitched = false
  let hasDeviceToken = false
  let usesDeviceToken = false

  const keep = (deviceToken: string | undefined): Effect.Effect<void> =>
    device === undefined
      ? Effect.void
      : Effect.catch(device.keep(gateway, deviceToken), (problem) => warn(problem.message))

  const stored = Effect.suspend(() => (device === undefined ? Effect.undefined : device.tokenFor(gateway))).pipe(
    Effect.catch((problem) => Effect.as(warn(problem.message), undefined)),
  )

  return {
    next: Effect.map(stored, (deviceToken): Credential => {
      hasDeviceToken = deviceToken !== undefined
      usesDeviceToken = hasDeviceToken && prefersDeviceToken
      if (deviceToken === undefined || !prefersDeviceToken) return secret ?? { _tag: "None" }
      return { _tag: "DeviceToken", token: Redacted.value(deviceToken) }
    }),
    keep: (deviceToken) => keep(Redacted.value(deviceToken)),
    refused: Effect.fnUntraced(function* (error) {
      const sent = usesDeviceToken ? "device-token" : secret === undefined ? "none" : "secret"
      const decision = decide(error, { sent, hasSecret: secret !== undefined, hasDeviceToken, hasSwitched })
      hasSwitched = decision._tag === "Switch"
      if (decision._tag !== "Switch") return decision
      prefersDeviceToken = decision.to === "device-token"
      // The gateway has refused the stored token, so it is stale.
      if (usesDeviceToken) yield* keep(undefined)
      return decision
    }),
  }
}
