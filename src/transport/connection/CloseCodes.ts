/**
 * The one table of close codes: what each means and whether the client should come back. A close never goes out
 * without a reason, whichever wire it ends. It does not know who closes.
 *
 * Codes 1000-2999 are RFC 6455's and IANA's, 4000-4999 our own.
 */

export interface CloseCode {
  readonly code: number
  readonly reason: string
  /** Whether the same client, trying again unchanged, may expect to be served. */
  readonly reconnect: boolean
}

export const CloseCodes = {
  normal: { code: 1000, reason: "done", reconnect: false },
  protocolError: { code: 1002, reason: "not a WebSocket frame", reconnect: false },
  unsupported: { code: 1003, reason: "frames must be text", reconnect: false },
  invalidPayload: { code: 1007, reason: "text must be UTF-8", reconnect: false },
  /** What Mission Control clients know a wrong token by. */
  invalidAuthentication: { code: 1008, reason: "Invalid authentication", reconnect: false },
  policy: { code: 1008, reason: "policy violation", reconnect: false },
  tooBig: { code: 1009, reason: "frame too big", reconnect: false },
  internal: { code: 1011, reason: "internal error", reconnect: true },
  restart: { code: 1012, reason: "the gateway is restarting", reconnect: true },
  tryAgainLater: { code: 1013, reason: "try again later", reconnect: true },
  operator: { code: 4000, reason: "closed by an operator", reconnect: true },
  /** The token, device or secret by which the client came in is worth nothing any more. */
  invalidated: { code: 4001, reason: "client invalidated", reconnect: false },
  handshakeTimeout: { code: 4002, reason: "not authenticated in time", reconnect: true },
  unauthenticated: { code: 4003, reason: "unauthenticated", reconnect: false },
  slowConsumer: { code: 4008, reason: "too slow", reconnect: true },
  heartbeatLost: { code: 4009, reason: "no sign of life", reconnect: true },
} as const satisfies Record<string, CloseCode>

/** RFC 6455 5.5: a control frame carries 125 bytes, two of which are the code. */
const REASON_BYTES = 123

/** The reason with the facts of the case, cut between characters to what a close frame holds. */
export const reasonOf = (close: CloseCode, detail?: string): string => {
  const reason = detail === undefined ? close.reason : `${close.reason}: ${detail}`
  if (reason.length * 3 <= REASON_BYTES) return reason
  let bytes = 0
  let end = 0
  for (const character of reason) {
    bytes += Buffer.byteLength(character)
    if (bytes > REASON_BYTES) break
    end += character.length
  }
  return reason.slice(0, end)
}

const byCode = new Map<number, CloseCode>(Object.values(CloseCodes).map((close) => [close.code, close]))

/** What the table says about a code; undefined for codes that are not ours to send. */
export const lookUp = (code: number): CloseCode | undefined => byCode.get(code)
