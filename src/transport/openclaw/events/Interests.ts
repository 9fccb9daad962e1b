/**
 * Interests: which events a connection wants and in which form, as a value. Connections with equal interests share one
 * encoding. Events.ts encodes events for interests, and OpenClaw.ts keeps the interests of each connection.
 */
import type { EventFilter } from "../../../domain/Event.ts"

export interface Interests {
  /** The member for the data of an event: `params` for Control Center, `payload` for every other client. */
  readonly member: "payload" | "params"
  /** Whether the client has the scope `operator.read`. */
  readonly canRead: boolean
  /** Whether the client gets each text delta. Otherwise it gets the whole text, a few times a second. */
  readonly deltas: boolean
  /** Whether the steps of tools are events of the run. */
  readonly tools: boolean
  /** Whether the client shows a command that waits for an approval as a line of the conversation only. */
  readonly approvalLines: boolean
  /** Whether the client gets runs only of the sessions in `keys`. */
  readonly scoped: boolean
  /** `sessions.subscribe`: the changes and messages of all sessions. */
  readonly sessions: boolean
  /** `sessions.messages.subscribe`: the keys of the sessions whose messages the client gets, sorted. */
  readonly keys: ReadonlyArray<string>
  /** `includeApprovals`: those of the keys whose approvals the client gets as `session.approval`, sorted. */
  readonly approvals: ReadonlyArray<string>
}

/** The facts of the handshake that decide the first interests. */
export interface SubscriberFacts {
  readonly protocol: number
  readonly clientId: string
  readonly caps: ReadonlyArray<string>
  readonly readsParams: boolean
  readonly mayRead: boolean
}

/** Browsers that build the text from deltas. Every other client reads the whole text. */
const buildsText = new Set(["openclaw-control-ui", "webchat-ui", "webchat"])

/** OpenClaw's terminal UI has a view of the requests of plugins, and none of commands. Its users type `/approve`. */
const TERMINAL_UI = "openclaw-tui"

export const interestsOf = ({ caps, clientId, mayRead, protocol, readsParams }: SubscriberFacts): Interests => ({
  member: readsParams ? "params" : "payload",
  canRead: mayRead,
  deltas: protocol >= 4 && buildsText.has(clientId),
  tools: caps.includes("tool-events"),
  approvalLines: clientId === TERMINAL_UI,
  scoped: caps.includes("session-scoped-events"),
  // Control Center shows changes of sessions, but does not subscribe to them.
  sessions: readsParams,
  keys: [],
  approvals: [],
})

/** The largest number of sessions to which one connection subscribes by key. */
export const KEYS_MAX = 256

/** The largest number of characters of these keys together. They are part of the view key. */
export const KEYS_CHARS = 32_768

/** The error message for one subscription more. */
export const FULL_MESSAGE = `${KEYS_MAX} sessions, with ${KEYS_CHARS} characters of keys, can be subscribed to by name`

/** Whether the key is among those of the interests, or can be added to them. */
const hasRoom = ({ keys }: Interests, key: string): boolean =>
  keys.includes(key) ||
  (keys.length < KEYS_MAX && keys.reduce((chars, other) => chars + other.length, key.length) <= KEYS_CHARS)

/** Whether an answer subscribes to a session for which there is no room. */
export const isFull = (interests: Interests, method: string, answer: unknown): boolean =>
  method === "sessions.messages.subscribe" && !hasRoom(interests, Object(answer).key)

/** Returns the keys with one more, sorted, or the same value if it is among them. */
const withKey = (keys: ReadonlyArray<string>, key: string): ReadonlyArray<string> =>
  keys.includes(key) ? keys : [...keys, key].toSorted()

const withoutKey = (keys: ReadonlyArray<string>, key: string): ReadonlyArray<string> =>
  keys.includes(key) ? keys.filter((other) => other !== key) : keys

/** Returns the interests with these keys, or the same value if nothing changes. */
const withKeys = (interests: Interests, { approvals, keys }: Pick<Interests, "keys" | "approvals">): Interests =>
  keys === interests.keys && approvals === interests.approvals ? interests : { ...interests, keys, approvals }

/** Returns the interests after the answer of a method. Returns the same value if nothing changes. */
export const apply = (interests: Interests, method: string, answer: unknown): Interests => {
  const { approvalReplay, key } = Object(answer)
  const { approvals, keys } = interests
  switch (method) {
    case "sessions.subscribe":
      return interests.sessions ? interests : { ...interests, sessions: true }
    case "sessions.unsubscribe":
      return interests.sessions ? { ...interests, sessions: false } : interests
    case "sessions.messages.subscribe":
      if (!hasRoom(interests, key)) return interests
      return withKeys(interests, {
        keys: withKey(keys, key),
        approvals: approvalReplay === undefined ? approvals : withKey(approvals, key),
      })
    case "sessions.messages.unsubscribe":
      return withKeys(interests, { keys: withoutKey(keys, key), approvals: withoutKey(approvals, key) })
    default:
      return interests
  }
}

/** Returns the filter for the events behind the interests. The kernel removes topics for which the client lacks the scope. */
export const filterOf = ({ sessions }: Interests): EventFilter => ({
  topics: [
    "chat",
    "presence",
    "agents",
    "devices",
    "approvals",
    "questions",
    "system",
    ...(sessions ? (["sessions"] as const) : []),
  ],
})

/** Returns the view key. It leaves out keys that add nothing, so that more connections share an encoding. */
export const interestsKey = ({ keys, ...interests }: Interests): string =>
  JSON.stringify({ ...interests, keys: interests.sessions && !interests.scoped ? [] : keys })
