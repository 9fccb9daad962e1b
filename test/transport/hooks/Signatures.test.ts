/** Signatures: requests signed by the package standardwebhooks and by GitHub's example. */
import { describe, expect, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { signatureProblem } from "../../../src/transport/hooks/Signatures.ts"

const SECRET = `whsec_${Buffer.from("a secret of 24 bytes....").toString("base64")}`
const NOW = Date.UTC(2026, 10, 27, 20)

const body = Buffer.from('{"type":"invoice.paid"}')

const standard = (at = NOW, text = body.toString()) => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": String(Math.floor(at / 1_000)),
  "webhook-signature": new Webhook(SECRET).sign("msg_1", new Date(at), text),
})

describe("signatureProblem", () => {
  it("A request that the package standardwebhooks signs is right.", () => {
    expect(signatureProblem("standard-webhooks", SECRET, { headers: standard(), body }, NOW)).toBeUndefined()
  })

  it("One right signature among others is enough, as during a change of the secret.", () => {
    const headers = standard()
    const both = { ...headers, "webhook-signature": `v1,b3RoZXI= v1a,xyz ${headers["webhook-signature"]}` }
    expect(signatureProblem("standard-webhooks", SECRET, { headers: both, body }, NOW)).toBeUndefined()
  })

  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
  it("GitHub's example is right.", () => {
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    const signed = { headers: { "x-hub-signature-256": signature }, body: Buffer.from("Hello, World!") }
    expect(signatureProblem("github", "It's a Secret to Everybody", signed, NOW)).toBeUndefined()
  })

  const github = (text: string) => ({
    "x-hub-signature-256": `sha256=${createHmac("sha256", "s").update(text).digest("hex")}`,
  })

  it.each([
    ["no headers", "standard-webhooks", SECRET, {}, "the request is not signed"],
    ["another body", "standard-webhooks", SECRET, standard(NOW, "{}"), "the signature is wrong"],
    ["another id", "standard-webhooks", SECRET, { ...standard(), "webhook-id": "msg_2" }, "the signature is wrong"],
    ["another secret", "standard-webhooks", "whsec_b3RoZXI=", standard(), "the signature is wrong"],
    ["an old time", "standard-webhooks", SECRET, standard(NOW - 301_000), "webhook-timestamp is too far from now"],
    ["a future time", "standard-webhooks", SECRET, standard(NOW + 301_000), "webhook-timestamp is too far from now"],
    [
      "a time that is no number",
      "standard-webhooks",
      SECRET,
      { ...standard(), "webhook-timestamp": "1e9" },
      "webhook-timestamp must be a time in seconds",
    ],
    [
      "an asymmetric signature",
      "standard-webhooks",
      SECRET,
      { ...standard(), "webhook-signature": "v1a,abc" },
      "the signature is wrong",
    ],
    ["no secret", "standard-webhooks", undefined, standard(), "the hook has no usable secret"],
    ["an empty secret", "standard-webhooks", "whsec_", standard(), "the hook has no usable secret"],
    ["no header of GitHub", "github", "s", {}, "the request is not signed"],
    ["another body of GitHub", "github", "s", github("x"), "the signature is wrong"],
    ["an old signature of GitHub", "github", "s", { "x-hub-signature": "sha1=abc" }, "the request is not signed"],
  ] as const)("A request with %s is refused.", (_, scheme, secret, headers, problem) => {
    expect(signatureProblem(scheme, secret, { headers, body }, NOW)).toBe(problem)
  })
})
