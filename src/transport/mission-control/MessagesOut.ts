/**
 * What is said to a Mission Control client: one JSON object per frame, `{type, payload, timestamp?}`. Data says when at
 * the top level, `connected` and `pong` within the payload. Pure.
 */
import type { Position } from "../../domain/Event.ts"

const CLIENT_ID_CHARS = 9

/** `client-<epoch ms>-<base36, 9 characters>`: of the connection's own number, so that logs tell who is meant. */
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

/** An answer that says nothing about when. */
export const answer = (type: string, payload: unknown): string => JSON.stringify({ type, payload })

/** `position`: where to resume from once this was seen. Clients of old do not know it and pass it by. */
export const data = (type: string, payload: unknown, timestamp: number, position?: Position): string =>
  JSON.stringify({ type, payload, timestamp, ...(position !== undefined && { position }) })

/** All channels that are subscribed now; `unknown`: those asked for that there are not. */
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
