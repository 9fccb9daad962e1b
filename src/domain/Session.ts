/**
 * Sessions: the conversations, as lists show them, and the methods that find, change and remove them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound } from "./Agent.ts"
import { Binding } from "./Binding.ts"
import {
  EpochMillis,
  ID_CHARS,
  Name,
  NAME_CHARS,
  PageSize,
  RoutePart,
  SESSION_KEY_CHARS,
  SessionKey,
  text,
} from "./Bounds.ts"
import { LimitReached } from "./Limits.ts"
import { Message, MessageRole } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"
import { Summary } from "./Summary.ts"

/** What the session does now: nothing, turns wait, or a run is in progress. */
export const Activity = Schema.Literals(["idle", "queued", "running"])
export type Activity = typeof Activity.Type

/** A conversation: what a list shows of it. Its transcript is `sessions.history`. */
export const Session = Schema.Struct({
  key: Schema.String,
  /** The agent that answers in it. */
  agentId: Schema.String,
  /** What it is for, e.g. `session`, `direct`. */
  kind: text(NAME_CHARS),
  displayName: text(NAME_CHARS),
  label: Schema.NullOr(text(NAME_CHARS)),
  channel: Schema.NullOr(text(ID_CHARS)),
  peerId: Schema.NullOr(text(ID_CHARS)),
  /** A model id that overrides the agent's; null: the agent's. */
  model: Schema.NullOr(text(NAME_CHARS)),
  activity: Activity,
  messageCount: Schema.Int,
  /** How many of the messages agents are told: all but those that no reply followed because their run failed or never began. */
  historyCount: Schema.Int,
  /** The beginning of the newest message, 200 characters at most. */
  lastMessage: Schema.NullOr(Schema.String),
  /** Tokens of all its runs, as providers counted them. */
  inputTokens: Schema.Int,
  outputTokens: Schema.Int,
  totalTokens: Schema.Int,
  /** Tokens of the model's context in use after the newest run. */
  contextTokens: Schema.Int,
  createdAt: EpochMillis,
  updatedAt: EpochMillis,
}).annotate({ identifier: "Session" })
export type Session = typeof Session.Type

/** Where a message comes from, as a client states it. See Routing.ts. */
export const routeFields = {
  channel: Schema.optionalKey(RoutePart),
  peerId: Schema.optionalKey(RoutePart),
  guildId: Schema.optionalKey(RoutePart),
  accountId: Schema.optionalKey(RoutePart),
}

/** No session has this key. */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>()("SessionNotFound", {
  sessionKey: Schema.String,
}) {}

/** The key is taken. */
export class SessionExists extends Schema.TaggedError<SessionExists>()("SessionExists", {
  sessionKey: Schema.String,
}) {}

/** The cursor is not one that `sessions.list` gave for this sort. */
export class CursorInvalid extends Schema.TaggedError<CursorInvalid>()("CursorInvalid", { cursor: Schema.String }) {}

/** By what a list is sorted; ties go by key. */
export const SessionSort = Schema.Literals(["updatedAt", "createdAt", "key", "messageCount"])
export type SessionSort = typeof SessionSort.Type

/** A cursor names a session, as JSON. */
const CURSOR_CHARS = 2 * SESSION_KEY_CHARS + 256

/** Which sessions a list has, and in which order. All that is given must hold. */
export const SessionQuery = Schema.Struct({
  agentId: Schema.optionalKey(AgentId),
  kind: Schema.optionalKey(text(NAME_CHARS)),
  channel: Schema.optionalKey(RoutePart),
  activity: Schema.optionalKey(Activity),
  /** Part of the key, the display name, the label or the newest message; case does not count. */
  search: Schema.optionalKey(text(NAME_CHARS)),
  /** Only sessions updated at or after this moment. */
  updatedSince: Schema.optionalKey(EpochMillis),
  sortBy: Schema.optionalKey(SessionSort),
  order: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  /** Rows of the page, 50 by default. */
  limit: Schema.optionalKey(PageSize),
  /** `nextCursor` of the page before. */
  cursor: Schema.optionalKey(text(CURSOR_CHARS)),
})
export type SessionQuery = typeof SessionQuery.Type

export const SessionPage = Schema.Struct({
  sessions: Schema.Array(Session),
  /** How many sessions match, on all pages. */
  total: Schema.Int,
  /** Null: this is the last page. */
  nextCursor: Schema.NullOr(Schema.String),
}).annotate({ identifier: "SessionPage" })
export type SessionPage = typeof SessionPage.Type

const list = Rpc.make("sessions.list", {
  payload: SessionQuery,
  success: SessionPage,
  error: CursorInvalid,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "A page of the sessions that match, sorted. Follow `nextCursor` for the next page.")

const get = Rpc.make("sessions.get", {
  payload: { key: SessionKey },
  success: Session,
  error: SessionNotFound,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "One session.")

const resolve = Rpc.make("sessions.resolve", {
  payload: {
    key: Schema.optionalKey(SessionKey),
    label: Schema.optionalKey(Name),
    agentId: Schema.optionalKey(AgentId),
    ...routeFields,
  },
  success: Schema.Struct({
    sessionKey: Schema.String,
    agentId: Schema.String,
    exists: Schema.Boolean,
    /** The binding that chose the agent, if one did. */
    binding: Schema.NullOr(Binding),
  }),
  error: Schema.Union([SessionNotFound, AgentNotFound]),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Which session a key, a label or a route means, and which agent answers there. Creates nothing.")

const settings = {
  kind: Schema.optionalKey(text(NAME_CHARS)),
  displayName: Schema.optionalKey(text(NAME_CHARS)),
  label: Schema.optionalKey(Schema.NullOr(text(NAME_CHARS))),
  model: Schema.optionalKey(Schema.NullOr(text(NAME_CHARS))),
}

const create = Rpc.make("sessions.create", {
  payload: {
    /** Left out: a new key under the agent. */
    key: Schema.optionalKey(SessionKey),
    agentId: Schema.optionalKey(AgentId),
    ...settings,
  },
  success: Session,
  error: Schema.Union([SessionExists, AgentNotFound, LimitReached, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.write")
  .annotate(Summary, "Makes a session. Not needed before sending: a send makes the session that it goes to.")

const patch = Rpc.make("sessions.patch", {
  payload: { key: SessionKey, ...settings },
  success: Session,
  error: Schema.Union([SessionNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.write")
  .annotate(Summary, "Changes the given settings of a session; what is left out stays.")

const reset = Rpc.make("sessions.reset", {
  payload: { key: SessionKey },
  success: Schema.Struct({ removedMessages: Schema.Int }),
  error: Schema.Union([SessionNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Aborts what runs or waits and empties the transcript.")

const remove = Rpc.make("sessions.delete", {
  payload: { key: SessionKey },
  success: Schema.Struct({ removedMessages: Schema.Int }),
  error: Schema.Union([SessionNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Aborts what runs or waits and removes the session with its transcript.")

const history = Rpc.make("sessions.history", {
  payload: {
    key: SessionKey,
    /** Messages of the page, 50 by default. */
    limit: Schema.optionalKey(PageSize),
    /** Only messages with a smaller id: the way back through a long transcript. */
    before: Schema.optionalKey(Schema.Int),
  },
  success: Schema.Struct({
    /** Oldest first. */
    messages: Schema.Array(Message),
    /** Give this as `before` for the page before; null: the transcript begins here. */
    nextBefore: Schema.NullOr(Schema.Int),
  }),
  error: SessionNotFound,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "A page of a transcript, from its end backwards.")

const preview = Rpc.make("sessions.preview", {
  payload: {
    keys: Schema.Array(SessionKey).check(Schema.isMaxLength(50)),
    limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))),
  },
  success: Schema.Struct({
    previews: Schema.Array(
      Schema.Struct({
        key: Schema.String,
        messages: Schema.Array(Schema.Struct({ role: MessageRole, text: Schema.String })),
      }),
    ),
  }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The newest messages of several sessions, each cut to 200 characters. Unknown keys are left out.")

export const SessionRpcs = RpcGroup.make(list, get, resolve, create, patch, reset, remove, history, preview).middleware(
  Authorized,
)
