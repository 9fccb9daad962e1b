/**
 * CloseCodes: the table of WebSocket close codes with their reasons, and whether the client should reconnect. Every close
 * frame carries a reason.
 *
 * RFC 6455 and IANA define the codes 1000-2999. The codes 4000-4999 are ours.
 */

export interface CloseCode {
  readonly code: number
  readonly reason: string
  /** Whether the same client can expect service if it reconnects unchanged. */
  readonly reconnect: boolean
}

export const CloseCodes = {
  normal: { code: 1000, reason: "done", reconnect: false },
  protocolError: { code: 1002, reason: "not a WebSocket frame", reconnect: false },
  unsupported: { code: 1003, reason: "frames must be text", reconnect: false },
  invalidPayload: { code: 1007, reason: "text must be UTF-8", reconnect: false },
  /** Mission Control clients recognize a wrong token by this code and reason. */
  invalidAuthentication: { code: 1008, reason: "Invalid authentication", reconnect: false },
  policy: { code: 1008, reason: "policy violation", reconnect: false },
  tooBig: { code: 1009, reason: "frame too big", reconnect: false },
  internal: { code: 1011, reason: "internal error", reconnect: true },
  restart: { code: 1012, reason: "the gateway is restarting", reconnect: true },
  tryAgainLater: { code: 1013, reason: "try again later", reconnect: true },
  operator: { code: 4000, reason: "closed by an operator", reconnect: true },
  /** The credential of the connection was revoked or rotated. */
  invalidated: { code: 4001, reason: "client invalidated", reconnect: false },
  handshakeTimeout: { code: 4002, reason: "not authenticated in time", reconnect: true },
  unauthenticated: { code: 4003, reason: "unauthenticated", reconnect: false },
  slowConsumer: { code: 4008, reason: "too slow", reconnect: true },
  heartbeatLost: { code: 4009, reason: "no sign of life", reconnect: true },
} as const satisfies Record<string, CloseCode>

/** RFC 6455 5.5: a control frame carries 125 bytes, two of which are the code. */
const REASON_BYTES = 123

/** Returns the reason with the detail, cut between characters to the size of a close frame. */
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

/** Returns the entry of a code, or `undefined` for a code that the gateway does not send. */
export const lookUp = (code: number): CloseCode | undefined => byCode.get(code)
