/**
 * Secret: makes the random secrets of the gateway. TokenFile makes the gateway's token with it, Devices makes the tokens
 * of devices.
 */
import { randomBytes } from "node:crypto"

const BYTES = 32

/** Returns 256 random bits as 43 characters of base64url. */
export const makeSecret = (): string => randomBytes(BYTES).toString("base64url")

const SECRET = /^[\w-]{43}$/

/** Returns whether the text has the form of a secret from `makeSecret`. Other texts need no lookup. */
export const isSecret = (text: string): boolean => SECRET.test(text)
