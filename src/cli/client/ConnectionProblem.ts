/**
 * ConnectionProblem: why a command has no connection to a gateway, and the next step. Pure; Target uses it.
 */
import { LOCKED_OUT } from "../../client/ClientConnection.ts"
import type { ConnectionState } from "../../client/ConnectionStates.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"

/** Seconds that a gateway gets to answer at first. A network that drops packets would say nothing for minutes. */
export const PATIENCE_SECONDS = 10

/** The parts of a URL that may be shown: not its user, password and query. */
interface Place {
  /** E.g. `gateway.example.org`. */
  readonly name: string
  /** With the port. */
  readonly address: string
  /** With the scheme and the path, too. */
  readonly whole: string
}

type Problem = readonly [problem: string, remedy: string]

/** Returns the failure for the state in which the first attempt ended. `undefined`: it did not end in time. */
export const connectionProblem = (url: URL, state: ConnectionState | undefined): CommandFailed => {
  const place = { name: url.hostname, address: url.host, whole: `${url.protocol}//${url.host}${url.pathname}` }
  if (state?._tag === "Refused") {
    return new CommandFailed({
      problem: `the gateway at ${place.address} refused the token`,
      remedy: "give its token by --token or GATEWAY_TOKEN, or its state folder by --state-dir",
      exitCode: ExitCode.refused,
    })
  }
  if (state?._tag === "Waiting" && state.reason.endsWith(LOCKED_OUT)) {
    return new CommandFailed({
      problem: `the gateway at ${place.address} lets nobody in from here for now, because ${LOCKED_OUT}`,
      remedy: "find the program that has a wrong one, wait a minute and try again",
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
        "give a gateway's address without a path, or try again if it is just starting or stopping",
      ]
    : [`${place.address} gave no answer that a gateway gives (${reason})`, "check the address, the port and the path"]
}

const timeout = ({ address }: Place): Problem => [
  `${address} did not answer within ${PATIENCE_SECONDS} seconds`,
  "check the address, and the network and firewalls on the way to it",
]

const statusOf = (code: string): number | undefined => {
  const status = /^Unexpected server response: (\d{3})$/.exec(code)?.[1]
  return status === undefined ? undefined : Number(status)
}

/** `code`: of the system, of TLS, or the message of the WebSocket. */
const openProblem = (place: Place, code: string): Problem => {
  const status = statusOf(code)
  if (status !== undefined) return statusProblem(place, status)
  const { address, name } = place
  switch (code) {
    case "ECONNREFUSED":
      return [`no gateway listens at ${address}`, "start one with `causeway start`, or give its address by --url"]
    case "ENOTFOUND":
      return [`the name ${name} is unknown`, "check how it is written in --url"]
    case "EAI_AGAIN":
      return [`the name ${name} cannot be looked up at present`, "check the network of this machine and try again"]
    case "ETIMEDOUT":
      return timeout(place)
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return [`no network leads to ${address} (${code})`, "check the address and the network of this machine"]
    case "ECONNRESET":
      return [
        `${address} closed the connection before it answered`,
        "check the port and whether it takes TLS (wss://) or not (ws://)",
      ]
    case "EPROTO":
      return [
        `${address} does not answer in TLS (EPROTO)`,
        "give it with ws:// if it has none, or check its TLS settings",
      ]
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return [
        `the TLS certificate of ${address} is not valid at this time (${code})`,
        "renew it there, or check the clock of this machine",
      ]
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return [`the TLS certificate of ${address} is for other names`, "give a name by --url that it is for"]
  }
  if (code.startsWith("HPE_") || code.startsWith("Invalid Sec-WebSocket") || code.startsWith("Invalid Upgrade")) {
    return [`the program at ${address} is not a gateway (${code})`, "check the port; a port with TLS takes wss://"]
  }
  if (UNTRUSTED.test(code)) {
    return [
      `this machine does not trust the TLS certificate of ${address} (${code})`,
      "give the file of its authority by NODE_EXTRA_CA_CERTS",
    ]
  }
  return /TLS|SSL|CERT|CRL/.test(code)
    ? [`TLS with ${address} failed (${code})`, "check the certificate and the TLS settings there"]
    : [`${address} cannot be reached (${code})`, "check the address and the network"]
}

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_UNTRUSTED|INVALID_CA/

const statusProblem = ({ address, whole }: Place, status: number): Problem => {
  if (status === 502 || status === 503 || status === 504) {
    return [
      `${address} answers ${status}: a proxy reaches no gateway behind it, or the gateway takes no more connections`,
      "look whether the gateway runs and where the proxy looks for it, then try again",
    ]
  }
  if (status === 429) {
    return [`${address} answers 429: too many connections from here`, "close some, wait a minute and try again"]
  }
  if (status === 401 || status === 403 || status === 407) {
    return [`${address} answers ${status}: a proxy before the gateway lets nobody in`, "open it for WebSockets"]
  }
  if (status >= 300 && status < 400) {
    return [`${address} answers ${status}: the gateway has another address`, "give that by --url, e.g. with wss://"]
  }
  return [
    `the program at ${whole} is not a gateway: it answers ${status}`,
    "check the address, the port and the path; a proxy must pass on WebSockets",
  ]
}
