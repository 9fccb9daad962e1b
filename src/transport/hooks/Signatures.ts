/**
 * Signatures: checks the signatures of webhooks. Pure; the caller passes the time. Hooks.ts uses it.
 *
 * `standard-webhooks`: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * `github`: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
import { createHmac, timingSafeEqual } from "node:crypto"

/** An older or newer request may be a repeated one of somebody else. */
const TOLERANCE_MS = 300_000

/** Signatures in one header. A sender has two while it changes its secret. */
const MAX_SIGNATURES = 16

export type Scheme = "standard-webhooks" | "github"

/** A signed request. */
export interface Signed {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

const isSame = (expected: string, presented: string): boolean => {
  const [a, b] = [Buffer.from(expected), Buffer.from(presented)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The secrets of Standard Webhooks are base64 after a prefix. */
const standardKey = (secret: string): Uint8Array =>
  Buffer.from(secret.startsWith("whsec_") ? secret.slice("whsec_".length) : secret, "base64")

const keys: Readonly<Record<Scheme, (secret: string) => Uint8Array>> = {
  "standard-webhooks": standardKey,
  github: (secret) => Buffer.from(secret),
}

const standardProblem = (key: Uint8Array, { body, headers }: Signed, now: number): string | undefined => {
  const id = headers["webhook-id"] ?? ""
  const timestamp = headers["webhook-timestamp"] ?? ""
  const signatures = headers["webhook-signature"] ?? ""
  if (id === "" || signatures === "") return "the request is not signed"
  if (!/^\d{1,12}$/.test(timestamp)) return "webhook-timestamp must be a time in seconds"
  if (Math.abs(now - Number(timestamp) * 1_000) > TOLERANCE_MS) return "webhook-timestamp is too far from now"
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")
  const isSigned = signatures
    .split(" ", MAX_SIGNATURES)
    .map((signature) => isSame(`v1,${digest}`, signature))
    .includes(true)
  return isSigned ? undefined : "the signature is wrong"
}

const githubProblem = (key: Uint8Array, { body, headers }: Signed): string | undefined => {
  const signature = headers["x-hub-signature-256"] ?? ""
  if (signature === "") return "the request is not signed"
  const digest = createHmac("sha256", key).update(body).digest("hex")
  return isSame(`sha256=${digest}`, signature) ? undefined : "the signature is wrong"
}

/** Returns the problem of the signature, or `undefined` if it is right. `now`: milliseconds since 1970. */
export const signatureProblem = (
  scheme: Scheme,
  secret: string | undefined,
  signed: Signed,
  now: number,
): string | undefined => {
  const key = keys[scheme](secret ?? "")
  // An empty key would let everybody sign.
  if (key.length === 0) return "the hook has no usable secret"
  return scheme === "github" ? githubProblem(key, signed) : standardProblem(key, signed, now)
}

/** The header by which a sender of the scheme marks repeated requests. */
export const deliveryHeader: Readonly<Record<Scheme, string>> = {
  "standard-webhooks": "webhook-id",
  github: "x-github-delivery",
}
