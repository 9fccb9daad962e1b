/**
 * Methods: the typed methods of the OpenClaw client, with the parameters of the published schema and the members of the
 * results that every gateway sends. Results are read openly: they may have more members. OpenClawClient.ts uses it.
 */
import * as Schema from "effect/Schema"
import { optional } from "./Openly.ts"

const Text = Schema.String
const texts = Schema.Array(Text)

const Model = Schema.Struct({ primary: optional(Text) })

/** An agent of `agents.list`. */
export const AgentRow = Schema.Struct({
  id: Text,
  name: optional(Text),
  identity: optional(Schema.Struct({ name: optional(Text), emoji: optional(Text) })),
  model: optional(Schema.Union([Text, Model])),
})
export type AgentRow = typeof AgentRow.Type

/** A session of lists and of `sessions.changed`. Times are epoch milliseconds. */
export const SessionRow = Schema.Struct({
  key: Text,
  agentId: optional(Text),
  sessionId: optional(Text),
  kind: optional(Text),
  label: optional(Text),
  displayName: optional(Text),
  derivedTitle: optional(Text),
  lastMessagePreview: optional(Text),
  channel: optional(Text),
  status: optional(Text),
  hasActiveRun: optional(Schema.Boolean),
  activeRunIds: optional(texts),
  updatedAt: optional(Schema.Finite),
  createdAt: optional(Schema.Finite),
  lastActivityAt: optional(Schema.Finite),
  model: optional(Text),
  modelProvider: optional(Text),
  contextTokens: optional(Schema.Finite),
  totalTokens: optional(Schema.Finite),
})
export type SessionRow = typeof SessionRow.Type

/** A client, as `presence` and `system-presence` list it. */
export const PresenceEntry = Schema.Struct({
  host: optional(Text),
  ip: optional(Text),
  version: optional(Text),
  platform: optional(Text),
  mode: optional(Text),
  reason: optional(Text),
  text: optional(Text),
  ts: optional(Schema.Finite),
  deviceId: optional(Text),
  instanceId: optional(Text),
})
export type PresenceEntry = typeof PresenceEntry.Type

/** A message of a transcript. `content` is a text or a list of blocks. */
export const Message = Schema.Struct({
  role: Text,
  content: Schema.Unknown,
  timestamp: optional(Schema.Finite),
})

const Ok = Schema.Struct({ ok: optional(Schema.Boolean) })
const SessionList = Schema.Struct({
  sessions: Schema.Array(SessionRow),
  count: optional(Schema.Finite),
  totalCount: optional(Schema.Finite),
  hasMore: optional(Schema.Boolean),
  nextOffset: optional(Schema.Finite),
})
const RunStarted = Schema.Struct({ runId: Text, status: Text })
const History = Schema.Struct({
  sessionKey: Text,
  messages: Schema.Array(Message),
  hasMore: optional(Schema.Boolean),
  nextOffset: optional(Schema.Finite),
})
const PairingRow = Schema.Struct({
  requestId: optional(Text),
  deviceId: Text,
  displayName: optional(Text),
  role: optional(Text),
  scopes: optional(texts),
})

type Nothing = Readonly<Record<never, never>>

interface ListSessions {
  readonly limit?: number
  readonly offset?: number
  readonly agentId?: string
  readonly label?: string
  readonly search?: string
  readonly activeMinutes?: number
  readonly includeGlobal?: boolean
  readonly includeDerivedTitles?: boolean
  readonly includeLastMessage?: boolean
}

interface SendText {
  readonly message: string
  readonly idempotencyKey: string
  readonly agentId?: string
  readonly thinking?: string
  readonly timeoutMs?: number
}

/** Pairs the type of the parameters with the schema of the result. */
const method =
  <Params extends object = Nothing>() =>
  <S extends Schema.Codec<unknown, unknown>>(result: S): { readonly result: S; readonly params?: Params } => ({
    result,
  })

export const methods = {
  health: method()(Ok),
  status: method()(Schema.Struct({ runtimeVersion: optional(Text) })),
  "system-presence": method()(Schema.Array(PresenceEntry)),
  "agents.list": method()(
    Schema.Struct({ defaultId: optional(Text), mainKey: optional(Text), agents: Schema.Array(AgentRow) }),
  ),
  "agent.identity.get": method<{ readonly agentId?: string; readonly sessionKey?: string }>()(
    Schema.Struct({ agentId: Text, name: optional(Text), avatar: optional(Text) }),
  ),
  agent: method<{
    readonly message: string
    readonly idempotencyKey: string
    readonly agentId?: string
    readonly sessionKey?: string
    readonly thinking?: string
    readonly extraSystemPrompt?: string
    /** Seconds. */
    readonly timeout?: number
  }>()(
    Schema.Struct({
      runId: Text,
      status: Text,
      summary: optional(Text),
      result: optional(Schema.Struct({ payloads: optional(Schema.Array(Schema.Struct({ text: optional(Text) }))) })),
    }),
  ),
  "agent.wait": method<{ readonly runId: string; readonly timeoutMs?: number }>()(
    Schema.Struct({ runId: Text, status: Text, stopReason: optional(Text) }),
  ),
  "sessions.list": method<ListSessions>()(SessionList),
  "sessions.subscribe": method<ListSessions>()(
    Schema.Struct({ subscribed: Schema.Boolean, list: optional(SessionList) }),
  ),
  "sessions.unsubscribe": method()(Schema.Struct({ subscribed: optional(Schema.Boolean) })),
  "sessions.messages.subscribe": method<{ readonly key: string; readonly agentId?: string }>()(
    Schema.Struct({ subscribed: Schema.Boolean, key: Text }),
  ),
  "sessions.messages.unsubscribe": method<{ readonly key: string; readonly agentId?: string }>()(
    Schema.Struct({ subscribed: optional(Schema.Boolean) }),
  ),
  "sessions.describe": method<{ readonly key: string }>()(Schema.Struct({ session: Schema.NullOr(SessionRow) })),
  "sessions.create": method<{
    readonly key?: string
    readonly agentId?: string
    readonly label?: string
    readonly model?: string
    readonly message?: string
    readonly idempotencyKey?: string
  }>()(Schema.Struct({ key: Text, sessionId: optional(Text), runStarted: optional(Schema.Boolean) })),
  "sessions.patch": method<{ readonly key: string; readonly label?: string | null; readonly model?: string | null }>()(
    Schema.Struct({ key: Text }),
  ),
  "sessions.reset": method<{ readonly key: string; readonly reason?: "new" | "reset" }>()(Schema.Struct({ key: Text })),
  "sessions.delete": method<{ readonly key: string; readonly deleteTranscript?: boolean }>()(Ok),
  "sessions.send": method<SendText & { readonly key: string }>()(RunStarted),
  "chat.send": method<SendText & { readonly sessionKey: string }>()(RunStarted),
  "chat.abort": method<{ readonly sessionKey: string; readonly runId?: string }>()(
    Schema.Struct({ aborted: optional(Schema.Boolean), runIds: optional(texts) }),
  ),
  "chat.history": method<{ readonly sessionKey: string; readonly limit?: number; readonly offset?: number }>()(History),
  "chat.inject": method<{ readonly sessionKey: string; readonly message: string; readonly label?: string }>()(
    Schema.Struct({ messageId: optional(Text) }),
  ),
  "models.list": method<{ readonly agentId?: string }>()(
    Schema.Struct({
      models: Schema.Array(Schema.Struct({ id: Text, name: optional(Text), provider: optional(Text) })),
    }),
  ),
  "logs.tail": method<{ readonly cursor?: number; readonly limit?: number; readonly maxBytes?: number }>()(
    Schema.Struct({ lines: texts, cursor: Schema.Finite, reset: optional(Schema.Boolean) }),
  ),
  "device.pair.list": method()(Schema.Struct({ pending: Schema.Array(PairingRow), paired: Schema.Array(PairingRow) })),
  "device.pair.approve": method<{ readonly requestId: string }>()(Schema.Struct({ requestId: optional(Text) })),
  "device.pair.reject": method<{ readonly requestId: string }>()(Schema.Struct({ requestId: optional(Text) })),
} as const

type Methods = typeof methods

/** The name of a typed method. */
export type OpenClawMethod = keyof Methods

/** The parameters of a typed method. */
export type OpenClawParams<M extends OpenClawMethod> = NonNullable<Methods[M]["params"]>

/** The arguments after the name of a method. You may leave out parameters without required members. */
export type OpenClawArguments<M extends OpenClawMethod, Options> =
  Partial<OpenClawParams<M>> extends OpenClawParams<M>
    ? [params?: OpenClawParams<M>, options?: Options]
    : [params: OpenClawParams<M>, options?: Options]

/** The result of a typed method. */
export type OpenClawResult<M extends OpenClawMethod> = Methods[M]["result"]["Type"]
