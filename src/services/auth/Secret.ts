/**
 * Secret: the type of credentials, and the maker of the gateway's random secrets. TokenFile makes the gateway's token
 * with it, Devices makes the tokens of devices.
 */
import type * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"

/** A token or password. Logs and errors print it as `<redacted>`. */
export type Secret = Redacted.Redacted<string>

const BYTES = 32

/** Returns 256 random bits as 43 characters of base64url. */
export const makeSecret = (): string => randomBytes(BYTES).toString("base64url")

const SECRET = /^[\w-]{43}$/

/** Returns whether the text has the form of a secret from `makeSecret`. Other texts need no lookup. */
export const isSecret = (text: string): boolean => SECRET.test(text)
