/**
 * ConnectionProblem: explains why a command has no connection to a gateway, with the next step. Target.ts uses it.
 */
import { LOCKED_OUT } from "../../client/ClientConnection.ts"
import type { ConnectionState } from "../../client/ConnectionStates.ts"
import { OTHER_CERTIFICATE } from "../../client/Fingerprint.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"

/** Seconds to wait for the first connection. Without a limit, a network that drops packets delays a command for minutes. */
export const CONNECT_TIMEOUT_SECONDS = 10

/** The parts of a URL without its secrets: no user, password or query. */
interface Place {
  /** E.g. `gateway.example.org`. */
  readonly name: string
  /** The name with the port. */
  readonly address: string
  /** The address with scheme and path. */
  readonly whole: string
}

type Problem = readonly [problem: string, remedy: string]

/** Returns the failure for the state after the first attempt. `undefined` means that the attempt timed out. */
export const connectionProblem = (url: URL, state: ConnectionState | undefined): CommandFailed => {
  const place = { name: url.hostname, address: url.host, whole: `${url.protocol}//${url.host}${url.pathname}` }
  if (state?._tag === "Refused") {
    return new CommandFailed({
      problem: `the gateway at ${place.address} rejected the token`,
      remedy: "set its token with --token or GATEWAY_TOKEN, or name its state folder with --state-dir",
      exitCode: ExitCode.refused,
    })
  }
  if (state?._tag === "Waiting" && state.reason.endsWith(LOCKED_OUT)) {
    return new CommandFailed({
      problem: `the gateway at ${place.address} has locked out this address, because ${LOCKED_OUT}`,
      remedy: "find the program with the wrong token, wait a minute and try again",
      exitCode: ExitCode.refused,
    })
  }
  const [problem, remedy] = state?._tag === "Waiting" ? waitingProblem(place, state) : timeout(place)
  return new CommandFailed({ problem, remedy, exitCode: ExitCode.unreachable })
}

const waitingProblem = (place: Place, { code, reason }: Extract<ConnectionState, { _tag: "Waiting" }>): Problem => {
  if (code !== undefined) return openProblem(place, code)
  return reason.startsWith("closed")
    ? [
        `the connection to ${place.whole} was ${reason}`,
        "use the address of a gateway without a path, or try again if the gateway is starting or stopping",
      ]
    : [`${place.address} does not answer like a gateway (${reason})`, "check the address, the port and the path"]
}

const timeout = ({ address }: Place): Problem => [
  `${address} did not answer within ${CONNECT_TIMEOUT_SECONDS} seconds`,
  "check the address, the network and the firewalls",
]

const statusOf = (code: string): number | undefined => {
  const status = /^Unexpected server response: (\d{3})$/.exec(code)?.[1]
  return status === undefined ? undefined : Number(status)
}

/** `code`: an error code of the system or of TLS, or the message of the WebSocket. */
const openProblem = (place: Place, code: string): Problem => {
  const status = statusOf(code)
  if (status !== undefined) return statusProblem(place, status)
  const { address, name } = place
  switch (code) {
    case "ECONNREFUSED":
      return [`no gateway listens at ${address}`, "start one with `causeway start`, or set its address with --url"]
    case "ENOTFOUND":
      return [`the host name ${name} is unknown`, "check its spelling in --url"]
    case "EAI_AGAIN":
      return [`the host name ${name} cannot be resolved at present`, "check the network of this machine and try again"]
    case "ETIMEDOUT":
      return timeout(place)
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return [`no network route to ${address} (${code})`, "check the address and the network of this machine"]
    case "ECONNRESET":
      return [
        `${address} closed the connection before it answered`,
        "check the port, and use wss:// if it has TLS or ws:// if not",
      ]
    case "EPROTO":
      return [`${address} does not use TLS (EPROTO)`, "use ws:// if it has no TLS, or check its TLS settings"]
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return [
        `the TLS certificate of ${address} is not valid at this time (${code})`,
        "renew it, or check the clock of this machine",
      ]
    case OTHER_CERTIFICATE:
      return [
        `the TLS certificate of ${address} has another fingerprint`,
        "check that this is your gateway, and give the fingerprint of its new certificate in --fingerprint",
      ]
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return [`the TLS certificate of ${address} is for other names`, "use one of its names in --url"]
  }
  if (code.startsWith("HPE_") || code.startsWith("Invalid Sec-WebSocket") || code.startsWith("Invalid Upgrade")) {
    return [`the program at ${address} is not a gateway (${code})`, "check the port; a port with TLS needs wss://"]
  }
  if (UNTRUSTED.test(code)) {
    return [
      `this machine does not trust the TLS certificate of ${address} (${code})`,
      "set NODE_EXTRA_CA_CERTS to the file of its certificate authority, or give its fingerprint in --fingerprint",
    ]
  }
  return /TLS|SSL|CERT|CRL/.test(code)
    ? [`TLS with ${address} failed (${code})`, "check the certificate and the TLS settings of the server"]
    : [`${address} cannot be reached (${code})`, "check the address and the network"]
}

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_UNTRUSTED|INVALID_CA/

const statusProblem = ({ address, whole }: Place, status: number): Problem => {
  if (status === 502 || status === 503 || status === 504) {
    return [
      `${address} answers ${status}: a proxy reaches no gateway, or the gateway accepts no more connections`,
      "check that the gateway runs and that the proxy has its address, then try again",
    ]
  }
  if (status === 429) {
    return [`${address} answers 429: too many connections from here`, "close some, wait a minute and try again"]
  }
  if (status === 401 || status === 403 || status === 407) {
    return [`${address} answers ${status}: a proxy in front of the gateway refuses access`, "allow WebSockets there"]
  }
  if (status >= 300 && status < 400) {
    return [`${address} answers ${status}: a redirect`, "use the new address in --url, e.g. with wss://"]
  }
  return [
    `the program at ${whole} is not a gateway: it answers ${status}`,
    "check the address, the port and the path; a proxy must forward WebSockets",
  ]
}
