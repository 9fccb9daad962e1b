/**
 * MessagesOut: encodes the messages to Mission Control clients. A frame is one JSON object, `{type, payload,
 * timestamp?}`. Data has its timestamp at the top level, `connected` and `pong` have it in the payload.
 * MissionControl.ts and Events.ts use it.
 */
import type { Position } from "../../domain/Event.ts"

const CLIENT_ID_CHARS = 9

/**
 * Returns `client-<epoch ms>-<base36, 9 characters>`. The last part is the number of the connection, by which you find
 * the client in the logs.
 */
export const clientId = (openedAt: number, connectionId: string): string => {
  const number = Number.parseInt(connectionId.replace(/\D/g, ""), 10) || 0
  return `client-${openedAt}-${number.toString(36).padStart(CLIENT_ID_CHARS, "0").slice(-CLIENT_ID_CHARS)}`
}

export const connected = (openedAt: number, connectionId: string): string =>
  JSON.stringify({
    type: "connected",
    payload: {
      clientId: clientId(openedAt, connectionId),
      message: "Connected to OpenClaw Gateway",
      timestamp: openedAt,
    },
  })

export const pong = (timestamp: number): string => JSON.stringify({ type: "pong", payload: { timestamp } })

export const error = (message: string): string => JSON.stringify({ type: "error", payload: { message } })

/** Encodes an answer without a timestamp. */
export const answer = (type: string, payload: unknown): string => JSON.stringify({ type, payload })

/** Encodes data. A client that has seen it resumes from `position`, which older clients ignore. */
export const data = (type: string, payload: unknown, timestamp: number, position?: Position): string =>
  JSON.stringify({ type, payload, timestamp, ...(position !== undefined && { position }) })

/** Encodes all channels of the subscription. `unknown` are requested names that are not channels. */
export const subscribed = (
  channels: Iterable<string>,
  unknown: ReadonlyArray<string>,
  position: Position | undefined,
): string =>
  JSON.stringify({
    type: "subscribed",
    payload: { channels: [...channels], ...(unknown.length > 0 && { unknown }) },
    ...(position !== undefined && { position }),
  })
