/**
 * The audience: what a connection has asked to be told, as a value. All connections with an equal audience get the same
 * frames, worded once. Pure; what events become for an audience is Events.ts.
 */
import type { EventFilter } from "../../../domain/Event.ts"

export interface Interests {
  /** Where the data of an event are: `payload`, or `params` for the one client that reads them there. */
  readonly data: "payload" | "params"
  /** It may be told what the gateway holds. */
  readonly reads: boolean
  /** Text comes as it is said, each delta by itself; otherwise as a whole, a few times a second. */
  readonly deltas: boolean
  /** The steps of tools are told with the run. */
  readonly tools: boolean
  /** Runs are told only of the sessions in `keys`. */
  readonly scoped: boolean
  /** `sessions.subscribe`: changes of sessions, and the messages of all of them. */
  readonly sessions: boolean
  /** `sessions.messages.subscribe`: the messages of these, sorted. */
  readonly keys: ReadonlyArray<string>
}

/** What of the handshake says how a client is to be told. */
export interface SubscriberFacts {
  readonly protocol: number
  readonly clientId: string
  readonly caps: ReadonlyArray<string>
  readonly readsParams: boolean
  readonly mayRead: boolean
}

/** Browsers that build the text from deltas; every other client reads the whole text of a delta's message. */
const buildsText = new Set(["openclaw-control-ui", "webchat-ui", "webchat"])

export const interestsOf = ({ caps, clientId, mayRead, protocol, readsParams }: SubscriberFacts): Interests => ({
  data: readsParams ? "params" : "payload",
  reads: mayRead,
  deltas: protocol >= 4 && buildsText.has(clientId),
  tools: caps.includes("tool-events"),
  scoped: caps.includes("session-scoped-events"),
  // Control Center subscribes to nothing, and shows sessions as they change.
  sessions: readsParams,
  keys: [],
})

/** Sessions that one connection is told the messages of by name. */
export const KEYS_MAX = 256

/** Characters of their keys together: each audience is kept as text, too. */
export const KEYS_CHARS = 32_768

/** What a client is told that subscribes to one more. */
export const FULL = `${KEYS_MAX} sessions, with ${KEYS_CHARS} characters of keys, can be subscribed to by name`

const hasRoom = ({ keys }: Interests, key: string): boolean =>
  keys.length < KEYS_MAX && keys.reduce((chars, other) => chars + other.length, key.length) <= KEYS_CHARS

/** Whether there is no room for the session that was subscribed to. */
export const isFull = (audience: Interests, method: string, answer: unknown): boolean => {
  if (method !== "sessions.messages.subscribe") return false
  const { key } = Object(answer)
  return !audience.keys.includes(key) && !hasRoom(audience, key)
}

/** The audience after a subscription has been answered; the same value where nothing changes. */
export const apply = (audience: Interests, method: string, answer: unknown): Interests => {
  const { key } = Object(answer)
  switch (method) {
    case "sessions.subscribe":
      return audience.sessions ? audience : { ...audience, sessions: true }
    case "sessions.unsubscribe":
      return audience.sessions ? { ...audience, sessions: false } : audience
    case "sessions.messages.subscribe":
      return audience.keys.includes(key) || !hasRoom(audience, key)
        ? audience
        : { ...audience, keys: [...audience.keys, key].toSorted() }
    case "sessions.messages.unsubscribe":
      return audience.keys.includes(key)
        ? { ...audience, keys: audience.keys.filter((other) => other !== key) }
        : audience
    default:
      return audience
  }
}

/** The events behind what is told. Scopes are the kernel's to see to. */
export const filterOf = ({ sessions }: Interests): EventFilter => ({
  topics: ["chat", "presence", "agents", "devices", "system", ...(sessions ? (["sessions"] as const) : [])],
})

/** Equal for equal audiences. Keys that add nothing are left out, so that more connections share their frames. */
export const interestsKey = ({ keys, ...audience }: Interests): string =>
  JSON.stringify({ ...audience, keys: audience.sessions && !audience.scoped ? [] : keys })
