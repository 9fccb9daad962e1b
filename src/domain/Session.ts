/**
 * Sessions: the schema of a conversation, and the methods that find, change and remove sessions.
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
import { LimitReached } from "./LimitReached.ts"
import { Message, MessageRole } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { QueueMode, ThinkingLevel } from "./Run.ts"
import { ProblemKind } from "./RunError.ts"
import { StorageUnavailable } from "./Storage.ts"

/** The current state: nothing to do, turns wait, or a run is in progress. */
export const Activity = Schema.Literals(["idle", "queued", "running"])
export type Activity = typeof Activity.Type

/** A conversation, as lists show it. `sessions.history` returns its transcript. */
export const Session = Schema.Struct({
  key: Schema.String,
  /** The agent that answers in it. */
  agentId: Schema.String,
  /** The purpose, e.g. `session`, `direct`. */
  kind: text(NAME_CHARS),
  displayName: text(NAME_CHARS),
  label: Schema.NullOr(text(NAME_CHARS)),
  channel: Schema.NullOr(text(ID_CHARS)),
  peerId: Schema.NullOr(text(ID_CHARS)),
  /** A model id that overrides the agent's. Null: the agent's model. */
  model: Schema.NullOr(text(NAME_CHARS)),
  /** Overrides the agent's thinking level. */
  thinking: Schema.optionalKey(ThinkingLevel),
  /** Overrides the agent's queue mode. */
  queue: Schema.optionalKey(QueueMode),
  /** The session whose agent spawned this one. */
  parentKey: Schema.optionalKey(Schema.String),
  activity: Activity,
  messageCount: Schema.Int,
  /** How many of the messages agents see: all except those whose run failed or never started. */
  historyCount: Schema.Int,
  /** The start of the newest message, at most 200 characters. */
  lastMessage: Schema.NullOr(Schema.String),
  /** Tokens of all runs, as counted by the providers. */
  inputTokens: Schema.Int,
  outputTokens: Schema.Int,
  totalTokens: Schema.Int,
  /** Tokens of the model's context in use after the newest run. */
  contextTokens: Schema.Int,
  createdAt: EpochMillis,
  updatedAt: EpochMillis,
  /** The time when the transcript was last emptied. Left out: never. */
  emptiedAt: Schema.optionalKey(EpochMillis),
}).annotate({ identifier: "Session" })
export type Session = typeof Session.Type

/** The route of a message, as the client states it. See Routing.ts. */
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

/** Another session has this key. */
export class SessionExists extends Schema.TaggedError<SessionExists>()("SessionExists", {
  sessionKey: Schema.String,
}) {}

/** The state of a session as the client last saw it. A change with it fails if any of its fields differs. */
export const SessionExpectation = Schema.Struct({
  createdAt: Schema.optionalKey(EpochMillis),
  /** Null: the session was never emptied. */
  emptiedAt: Schema.optionalKey(Schema.NullOr(EpochMillis)),
  updatedAt: Schema.optionalKey(EpochMillis),
  /** The id of the newest message. Null: the transcript is empty. */
  lastMessageId: Schema.optionalKey(Schema.NullOr(Schema.Int)),
}).annotate({ identifier: "SessionExpectation" })
export type SessionExpectation = typeof SessionExpectation.Type

/** Returns the fields that identify the conversation and do not change with new messages. */
export const identityOf = ({ createdAt, emptiedAt }: SessionExpectation): SessionExpectation => ({
  ...(createdAt !== undefined && { createdAt }),
  ...(emptiedAt !== undefined && { emptiedAt }),
})

/** The session differs from the client's expectation. Nothing was done. */
export class SessionConflict extends Schema.TaggedError<SessionConflict>()("SessionConflict", {
  sessionKey: Schema.String,
}) {}

/** Returns whether the session matches the expectation. `session` is `undefined` if it does not exist. */
export const isAsExpected = (
  { createdAt, emptiedAt, lastMessageId, updatedAt }: SessionExpectation,
  session: Session | undefined,
  newestMessageId: () => number | null,
): boolean =>
  (createdAt === undefined || createdAt === session?.createdAt) &&
  (emptiedAt === undefined || emptiedAt === (session?.emptiedAt ?? null)) &&
  (updatedAt === undefined || updatedAt === session?.updatedAt) &&
  (lastMessageId === undefined || lastMessageId === newestMessageId())

/** The cursor does not come from `sessions.list` with the same sort order. */
export class CursorInvalid extends Schema.TaggedError<CursorInvalid>()("CursorInvalid", { cursor: Schema.String }) {}

/** The sort field of a list. Equal values are sorted by key. */
export const SessionSort = Schema.Literals(["updatedAt", "createdAt", "key", "messageCount"])
export type SessionSort = typeof SessionSort.Type

/** A cursor holds a session key as JSON. */
const CURSOR_CHARS = 2 * SESSION_KEY_CHARS + 256

/** The filters and the order of a list. A session must match all given filters. */
export const SessionQuery = Schema.Struct({
  agentId: Schema.optionalKey(AgentId),
  kind: Schema.optionalKey(text(NAME_CHARS)),
  channel: Schema.optionalKey(RoutePart),
  /** The session whose agent spawned them. */
  parentKey: Schema.optionalKey(SessionKey),
  activity: Schema.optionalKey(Activity),
  /** A part of the key, the display name, the label or the newest message. Ignores case. */
  search: Schema.optionalKey(text(NAME_CHARS)),
  /** Only sessions updated at or after this moment. */
  updatedSince: Schema.optionalKey(EpochMillis),
  sortBy: Schema.optionalKey(SessionSort),
  order: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  /** Rows per page, 50 by default. */
  limit: Schema.optionalKey(PageSize),
  /** `nextCursor` of the previous page. */
  cursor: Schema.optionalKey(text(CURSOR_CHARS)),
})
export type SessionQuery = typeof SessionQuery.Type

export const SessionPage = Schema.Struct({
  sessions: Schema.Array(Session),
  /** The number of matching sessions on all pages. */
  total: Schema.Int,
  /** Null on the last page. */
  nextCursor: Schema.NullOr(Schema.String),
}).annotate({ identifier: "SessionPage" })
export type SessionPage = typeof SessionPage.Type

const list = Rpc.make("sessions.list", {
  payload: SessionQuery,
  success: SessionPage,
  error: CursorInvalid,
}).annotate(RequiredScope, "operator.read")

const get = Rpc.make("sessions.get", {
  payload: { key: SessionKey },
  success: Session,
  error: SessionNotFound,
}).annotate(RequiredScope, "operator.read")

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
}).annotate(RequiredScope, "operator.read")

const settings = {
  kind: Schema.optionalKey(text(NAME_CHARS)),
  displayName: Schema.optionalKey(text(NAME_CHARS)),
  label: Schema.optionalKey(Schema.NullOr(text(NAME_CHARS))),
  model: Schema.optionalKey(Schema.NullOr(text(NAME_CHARS))),
  thinking: Schema.optionalKey(Schema.NullOr(ThinkingLevel)),
  queue: Schema.optionalKey(Schema.NullOr(QueueMode)),
}

const create = Rpc.make("sessions.create", {
  payload: {
    /** Left out: the gateway makes a key under the agent. */
    key: Schema.optionalKey(SessionKey),
    agentId: Schema.optionalKey(AgentId),
    ...settings,
  },
  success: Session,
  error: Schema.Union([SessionExists, AgentNotFound, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.write")

const expected = Schema.optionalKey(SessionExpectation)

const ChangeError = Schema.Union([SessionNotFound, SessionConflict, StorageUnavailable])

const patch = Rpc.make("sessions.patch", {
  payload: { key: SessionKey, ...settings, expected },
  success: Session,
  error: ChangeError,
}).annotate(RequiredScope, "operator.write")

const reset = Rpc.make("sessions.reset", {
  payload: { key: SessionKey, expected },
  success: Schema.Struct({ removedMessages: Schema.Int }),
  error: ChangeError,
}).annotate(RequiredScope, "operator.admin")

const remove = Rpc.make("sessions.delete", {
  payload: { key: SessionKey, expected },
  success: Schema.Struct({ removedMessages: Schema.Int }),
  error: ChangeError,
}).annotate(RequiredScope, "operator.admin")

/** The session was not summarized. Nothing was changed. */
export class CompactionFailed extends Schema.TaggedError<CompactionFailed>()("CompactionFailed", {
  sessionKey: Schema.String,
  /** The kind of the model's problem, if it is the reason. */
  kind: Schema.optionalKey(ProblemKind),
  /** The problem and the next step. */
  message: Schema.String,
}) {}

const compact = Rpc.make("sessions.compact", {
  payload: { key: SessionKey },
  /** The new message. Null: no message has come since the last summary. */
  success: Schema.Struct({ summary: Schema.NullOr(Message) }),
  error: Schema.Union([SessionNotFound, CompactionFailed, StorageUnavailable]),
}).annotate(RequiredScope, "operator.write")

const history = Rpc.make("sessions.history", {
  payload: {
    key: SessionKey,
    /** Messages per page, 50 by default. */
    limit: Schema.optionalKey(PageSize),
    /** Returns only messages with a smaller id. Use it to page backwards. */
    before: Schema.optionalKey(Schema.Int),
  },
  success: Schema.Struct({
    /** Oldest first. */
    messages: Schema.Array(Message),
    /** Use it as `before` for the previous page. Null: the transcript starts here. */
    nextBefore: Schema.NullOr(Schema.Int),
  }),
  error: Schema.Union([SessionNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.read")

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
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.read")

export const SessionRpcs = RpcGroup.make(
  list,
  get,
  resolve,
  create,
  patch,
  reset,
  remove,
  compact,
  history,
  preview,
).middleware(Authorized)
