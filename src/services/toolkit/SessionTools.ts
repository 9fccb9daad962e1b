/**
 * The tools `sessions_list` and `sessions_history`, with which an agent reads other conversations. Toolkit.ts adds them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { AgentId } from "../../domain/Agent.ts"
import { NAME_CHARS, SessionKey, text } from "../../domain/Bounds.ts"
import { errorSentence } from "../../domain/ErrorSentence.ts"
import type { Message } from "../../domain/Message.ts"
import type { Session } from "../../domain/Session.ts"
import { shortened } from "../../domain/Text.ts"
import { Sessions } from "../sessions/Sessions.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { Tools } from "../tools/Tools.ts"
import { denied, isInTree, mayRead } from "./Rights.ts"

const LIST_ROWS = 50

const HISTORY_MESSAGES = 50

/** Characters of one message of a history. Pages of long messages would fill the model's context. */
const MESSAGE_CHARS = 4_000

export const missingSession = (key: string) =>
  new AgentTool.ToolFailed({ message: `There is no session "${key}". Call sessions_list for the keys.` })

/** Returns the failure that the model reads if the gateway cannot read a run or a transcript. */
export const unreadable = ({ _tag }: { readonly _tag: string }) =>
  new AgentTool.ToolFailed({ message: `The gateway cannot read it: ${errorSentence(_tag)}. Try it later.` })

const time = (at: number): string => new Date(at).toISOString()

const Row = Schema.Struct({
  key: Schema.String,
  agent: Schema.String,
  title: Schema.String,
  activity: Schema.String,
  messages: Schema.Int,
  updatedAt: Schema.String,
  lastMessage: Schema.optionalKey(Schema.String),
  spawnedBy: Schema.optionalKey(Schema.String),
})

const toRow = (session: Session): typeof Row.Type => ({
  key: session.key,
  agent: session.agentId,
  title: session.label ?? session.displayName,
  activity: session.activity,
  messages: session.messageCount,
  updatedAt: time(session.updatedAt),
  ...(session.lastMessage !== null && { lastMessage: session.lastMessage }),
  ...(session.parentKey !== undefined && { spawnedBy: session.parentKey }),
})

const Entry = Schema.Struct({
  id: Schema.Int,
  role: Schema.String,
  at: Schema.String,
  text: Schema.String,
  tool: Schema.optionalKey(Schema.String),
})

const toEntry = ({ at, id, role, text, tool }: Message): typeof Entry.Type => ({
  id,
  role,
  at: time(at),
  text: shortened(tool === undefined ? text : tool.output, MESSAGE_CHARS),
  ...(tool !== undefined && { tool: tool.name }),
})

const list = Effect.map(Sessions, (sessions) =>
  AgentTool.make({
    name: "sessions_list",
    description:
      "Lists conversations (sessions) of this gateway, the most recent first: their key, agent, title and newest message.",
    source: "gateway",
    parameters: Schema.Struct({
      search: Schema.optionalKey(text(NAME_CHARS)).annotateKey({
        description: "A part of the key, the title or the newest message.",
      }),
      agent: Schema.optionalKey(AgentId).annotateKey({ description: "Only sessions of this agent." }),
      spawnedBy: Schema.optionalKey(SessionKey).annotateKey({
        description: "Only sessions that this session has spawned.",
      }),
      limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: LIST_ROWS }))),
    }),
    success: Schema.Struct({ sessions: Schema.Array(Row), total: Schema.Int }),
    handle: Effect.fnUntraced(function* ({ agent, limit = 20, search, spawnedBy }) {
      const call = yield* AgentTool.CurrentToolCall
      // Without the right to read all sessions, the list is that of the agent's own tree.
      const parentKey = mayRead(call) ? spawnedBy : (spawnedBy ?? call.sessionKey)
      if (!mayRead(call) && !isInTree(parentKey ?? "", call.sessionKey, sessions.find)) {
        return yield* denied("read other sessions", "operator.read")
      }
      const page = yield* Effect.orDie(
        sessions.list({
          limit,
          sortBy: "updatedAt",
          order: "desc",
          ...(search !== undefined && { search }),
          ...(agent !== undefined && { agentId: agent }),
          ...(parentKey !== undefined && { parentKey }),
        }),
      )
      return { sessions: page.sessions.map(toRow), total: page.total }
    }),
  }),
)

const history = Effect.map(Sessions, (sessions) =>
  AgentTool.make({
    name: "sessions_history",
    description:
      "Returns the newest messages of a session, oldest first. Use `before` with the id of the first message for older ones.",
    source: "gateway",
    parameters: Schema.Struct({
      sessionKey: SessionKey,
      limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: HISTORY_MESSAGES }))),
      before: Schema.optionalKey(Schema.Int).annotateKey({ description: "Only messages with a smaller id." }),
    }),
    success: Schema.Struct({ messages: Schema.Array(Entry), hasOlder: Schema.Boolean }),
    handle: Effect.fnUntraced(function* ({ before, limit = 20, sessionKey }) {
      const call = yield* AgentTool.CurrentToolCall
      if (!mayRead(call) && !isInTree(sessionKey, call.sessionKey, sessions.find)) {
        return yield* denied("read other sessions", "operator.read")
      }
      const page = yield* Effect.mapError(sessions.history(sessionKey, { limit, before }), ({ _tag }) =>
        _tag === "SessionNotFound" ? missingSession(sessionKey) : unreadable({ _tag }),
      )
      return { messages: page.messages.map(toEntry), hasOlder: page.nextBefore !== null }
    }),
  }),
)

export const layer: Layer.Layer<never, never, Sessions | Tools> = Layer.unwrap(
  Effect.map(Effect.all([list, history]), ([list, history]) => Layer.mergeAll(Tools.add(list), Tools.add(history))),
)
