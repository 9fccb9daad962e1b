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
  ["a closed port", waiting("ECONNREFUSED"), /^no gateway listens at .*causeway start/],
  ["an unknown host name", waiting("ENOTFOUND"), /^the host name gateway\.example\.org is unknown/],
  ["a resolver that does not answer", waiting("EAI_AGAIN"), /cannot be resolved/],
  ["a server that does not answer", undefined, /did not answer within 10 seconds/],
  ["dropped packets", waiting("ETIMEDOUT"), /did not answer within 10 seconds/],
  ["a missing route", waiting("EHOSTUNREACH"), /^no network route to/],
  ["a connection reset", waiting("ECONNRESET"), /closed the connection before it answered/],
  ["a port without TLS", waiting("EPROTO"), /does not use TLS/],
  ["an expired certificate", waiting("CERT_HAS_EXPIRED"), /certificate .* is not valid at this time/],
  ["a self-signed certificate", waiting("DEPTH_ZERO_SELF_SIGNED_CERT"), /does not trust .*NODE_EXTRA_CA_CERTS/],
  ["an unknown authority", waiting("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), /does not trust .*NODE_EXTRA_CA_CERTS/],
  ["a certificate for other names", waiting("ERR_TLS_CERT_ALTNAME_INVALID"), /is for other names/],
  ["another problem of TLS", waiting("ERR_SSL_UNSUPPORTED_PROTOCOL"), /^TLS with .* failed/],
  ["a proxy without a gateway", waiting("Unexpected server response: 502"), /answers 502: a proxy reaches no gateway/],
  ["a proxy that times out", waiting("Unexpected server response: 504"), /answers 504/],
  ["a proxy with a login", waiting("Unexpected server response: 401"), /answers 401: a proxy .* refuses access/],
  ["too many connections", waiting("Unexpected server response: 429"), /answers 429: too many connections/],
  ["a redirect", waiting("Unexpected server response: 301"), /answers 301: .* new address/],
  ["a web server", waiting("Unexpected server response: 200"), /rpc is not a gateway: it answers 200/],
  ["a server of another protocol", waiting("HPE_INVALID_CONSTANT"), /is not a gateway/],
  ["another WebSocket server", waiting(undefined, "the connection failed"), /does not answer like a gateway/],
  ["a path without a gateway", waiting(undefined, "closed 1008 no such path"), /was closed 1008 no such path/],
  ["an unknown code", waiting("ENEW"), /cannot be reached \(ENEW\)/],
]

describe("connectionProblem", () => {
  it.each(failures)("The failure for %s names the problem and exits with 69.", (_, state, expected) => {
    const { exitCode, message } = connectionProblem(url, state)
    expect(message).toMatch(expected)
    expect(exitCode).toBe(69)
  })

  it("A rejected token and a locked out address exit with 77.", () => {
    expect(connectionProblem(url, { _tag: "Refused", reason: "" })).toMatchObject({ exitCode: 77 })
    const lockedOut = waiting(undefined, "closed 1008 too many wrong tokens came from this address")
    expect(connectionProblem(url, lockedOut)).toMatchObject({ exitCode: 77 })
  })

  it("No failure shows a secret of the URL.", () => {
    for (const [, state] of failures) expect(connectionProblem(url, state).message).not.toContain("secret")
  })
})
