/**
 * Subscriptions: the subscriptions of a client at its gateway. They belong to a connection there, so the client restores
 * them after a drop. Conversation.ts uses it.
 */

export interface Subscriptions {
  /** Whether the client gets changes and messages of all sessions (`sessions.subscribe`). */
  readonly sessions: boolean
  /** The keys of `sessions.messages.subscribe`. */
  readonly messages: ReadonlyArray<string>
}

export const noSubscriptions: Subscriptions = { sessions: false, messages: [] }

/** A connection has at most this many keys. */
const MAX_KEYS = 256

const keyOf = (params: unknown): string | undefined =>
  typeof params === "object" && params !== null && "key" in params && typeof params.key === "string"
    ? params.key
    : undefined

/** Returns the subscriptions after the gateway has carried out a call. */
export const after = (now: Subscriptions, method: string, params: unknown): Subscriptions => {
  const key = keyOf(params)
  const others = now.messages.filter((one) => one !== key)
  switch (method) {
    case "sessions.subscribe":
      return { ...now, sessions: true }
    case "sessions.unsubscribe":
      return { ...now, sessions: false }
    case "sessions.messages.subscribe":
      return key === undefined || others.length >= MAX_KEYS ? now : { ...now, messages: [...others, key] }
    case "sessions.messages.unsubscribe":
      return { ...now, messages: others }
    default:
      return now
  }
}

/** Returns the calls that make these subscriptions on a new connection. */
export const callsFor = ({ messages, sessions }: Subscriptions) => [
  ...(sessions ? [{ method: "sessions.subscribe", params: {} }] : []),
  ...messages.map((key) => ({ method: "sessions.messages.subscribe", params: { key } })),
]
