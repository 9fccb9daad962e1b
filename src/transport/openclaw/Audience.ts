/**
 * The audience: what a connection has asked to be told, as a value. All connections with an equal audience get the same
 * frames, worded once. Pure; what events become for an audience is Events.ts.
 */
import * as Schema from "effect/Schema"
import type { EventFilter } from "../../domain/Event.ts"
import { own } from "../DialectMethods.ts"
import { type Inquiry, known, map } from "../Inquiry.ts"
import type { Row } from "./MethodTable.ts"
import { filled, flag, invalid, key, name, Nothing } from "./Params.ts"
import { now } from "./SessionFacts.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { ListParams, sessionList } from "./SessionLists.ts"

export interface Audience {
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
export interface Listener {
  readonly protocol: number
  readonly clientId: string
  readonly caps: ReadonlyArray<string>
  readonly readsParams: boolean
  readonly mayRead: boolean
}

/** Browsers that build the text from deltas; every other client reads the whole text of a delta's message. */
const buildsText = new Set(["openclaw-control-ui", "webchat-ui", "webchat"])

export const audienceOf = ({ caps, clientId, mayRead, protocol, readsParams }: Listener): Audience => ({
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

const hasRoom = ({ keys }: Audience, key: string): boolean =>
  keys.length < KEYS_MAX && keys.reduce((chars, other) => chars + other.length, key.length) <= KEYS_CHARS

/** Whether there is no room for the session that was subscribed to. */
export const isFull = (audience: Audience, method: string, answer: unknown): boolean => {
  if (method !== "sessions.messages.subscribe") return false
  const { key } = Object(answer)
  return !audience.keys.includes(key) && !hasRoom(audience, key)
}

/** The audience after a subscription has been answered; the same value where nothing changes. */
export const heed = (audience: Audience, method: string, answer: unknown): Audience => {
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
export const filterOf = ({ sessions }: Audience): EventFilter => ({
  topics: ["chat", "presence", "agents", "devices", "system", ...(sessions ? (["sessions"] as const) : [])],
})

/** Equal for equal audiences. Keys that add nothing are left out, so that more connections share their frames. */
export const wordingOf = ({ keys, ...audience }: Audience): string =>
  JSON.stringify({ ...audience, keys: audience.sessions && !audience.scoped ? [] : keys })

/** Reads what `wordingOf` has written: once for each wording, not for each event. */
export const fromWording = (wording: string): Audience => {
  const known = audiences.get(wording)
  if (known !== undefined) return known
  chars += wording.length
  if (audiences.size >= AUDIENCES_KEPT || chars > CHARS_KEPT) {
    audiences.clear()
    chars = wording.length
  }
  const audience: Audience = JSON.parse(wording)
  audiences.set(wording, audience)
  return audience
}

const AUDIENCES_KEPT = 1_000
const CHARS_KEPT = 4_194_304
const audiences = new Map<string, Audience>()
/** Of all wordings that are kept. */
let chars = 0

const subscribe = own(ListParams, (params): Inquiry<object> =>
  Object.keys(params).length === 0
    ? known({ subscribed: true })
    : map(sessionList(params), (list) => ({ subscribed: true, list })),
)

const Keyed = Schema.Struct({ key, agentId: name, includeApprovals: flag })

/** Nothing waits for approval here. */
const approvals = (sessionKey: string, updatedAtMs: number) => ({
  approvalReplay: { sessionKey, updatedAtMs, approvals: [], truncated: false },
})

const subscribeMessages = own(Keyed, ({ agentId, includeApprovals, key }): Inquiry<object> => {
  if (filled(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const answer = { subscribed: true, key: canonical }
  return includeApprovals === true ? map(now(), (at) => ({ ...answer, ...approvals(canonical, at) })) : known(answer)
})

const unsubscribeMessages = own(Keyed, ({ agentId, key }) =>
  filled(key) === undefined
    ? invalid("key is required")
    : known({ subscribed: false, key: canonicalKey(key, agentId) }),
)

export const subscriptionMethods: ReadonlyArray<Row> = [
  ["sessions.subscribe", "operator.read", subscribe],
  ["sessions.unsubscribe", "operator.read", own(Nothing, () => known({ subscribed: false }))],
  ["sessions.messages.subscribe", "operator.read", subscribeMessages],
  ["sessions.messages.unsubscribe", "operator.read", unsubscribeMessages],
]
