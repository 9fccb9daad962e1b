import { describe, expect, it } from "@effect/vitest"
import type { ConnectionState } from "../../../src/client/ConnectionStates.ts"
import { connectionProblem } from "../../../src/cli/client/ConnectionProblem.ts"

const url = new URL("wss://name:secret@gateway.example.org/rpc?token=secret")

const waiting = (code?: string, reason = "the gateway cannot be reached"): ConnectionState => ({
  _tag: "Waiting",
  attempt: 1,
  retryInMs: 1,
  reason,
  ...(code !== undefined && { code }),
})

const failures: ReadonlyArray<readonly [string, ConnectionState | undefined, RegExp]> = [
  ["a port that is closed", waiting("ECONNREFUSED"), /^no gateway listens at .*causeway start/],
  ["a name that is unknown", waiting("ENOTFOUND"), /^the name gateway\.example\.org is unknown/],
  ["a resolver that is away", waiting("EAI_AGAIN"), /cannot be looked up/],
  ["silence", undefined, /did not answer within 10 seconds/],
  ["packets that are dropped", waiting("ETIMEDOUT"), /did not answer within 10 seconds/],
  ["no route", waiting("EHOSTUNREACH"), /^no network leads to/],
  ["a reset", waiting("ECONNRESET"), /closed the connection before it answered/],
  ["a port without TLS", waiting("EPROTO"), /does not answer in TLS/],
  ["an old certificate", waiting("CERT_HAS_EXPIRED"), /certificate .* is not valid at this time/],
  ["a certificate of its own", waiting("DEPTH_ZERO_SELF_SIGNED_CERT"), /does not trust .*NODE_EXTRA_CA_CERTS/],
  ["an unknown authority", waiting("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), /does not trust .*NODE_EXTRA_CA_CERTS/],
  ["another name", waiting("ERR_TLS_CERT_ALTNAME_INVALID"), /is for other names/],
  ["other trouble of TLS", waiting("ERR_SSL_UNSUPPORTED_PROTOCOL"), /^TLS with .* failed/],
  ["a proxy without a gateway", waiting("Unexpected server response: 502"), /answers 502: a proxy reaches no gateway/],
  ["a proxy that waits in vain", waiting("Unexpected server response: 504"), /answers 504/],
  ["a login before it", waiting("Unexpected server response: 401"), /answers 401: a proxy .* lets nobody in/],
  ["too many connections", waiting("Unexpected server response: 429"), /answers 429: too many connections/],
  ["a redirect", waiting("Unexpected server response: 301"), /answers 301: .* another address/],
  ["a web server", waiting("Unexpected server response: 200"), /rpc is not a gateway: it answers 200/],
  ["another protocol", waiting("HPE_INVALID_CONSTANT"), /is not a gateway/],
  ["another WebSocket server", waiting(undefined, "the connection failed"), /gave no answer that a gateway gives/],
  ["a path without a gateway", waiting(undefined, "closed 1008 no such path"), /was closed 1008 no such path/],
  ["a code of the future", waiting("ENEW"), /cannot be reached \(ENEW\)/],
]

describe("a command without a connection", () => {
  it.each(failures)("names %s, and ends with 69", (_, state, message) => {
    const { exitCode, message: said } = connectionProblem(url, state)
    expect(said).toMatch(message)
    expect(exitCode).toBe(69)
  })

  it("ends with 77 if the gateway refused the token or locks the address out", () => {
    expect(connectionProblem(url, { _tag: "Refused", reason: "" })).toMatchObject({ exitCode: 77 })
    const lockedOut = waiting(undefined, "closed 1008 too many wrong tokens came from this address")
    expect(connectionProblem(url, lockedOut)).toMatchObject({ exitCode: 77 })
  })

  it("shows no secret of the address", () => {
    for (const [, state] of failures) expect(connectionProblem(url, state).message).not.toContain("secret")
  })
})
