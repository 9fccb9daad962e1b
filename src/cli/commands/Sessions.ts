/**
 * `causeway sessions`: lists, reads, changes, summarizes, resets and removes sessions.
 */
import * as Arr from "effect/Array"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { PAGE_ROWS } from "../../domain/Bounds.ts"
import type { Message } from "../../domain/Message.ts"
import { line } from "../../domain/Printable.ts"
import { QueueMode, ThinkingLevel } from "../../domain/Run.ts"
import type { Session, SessionQuery } from "../../domain/Session.ts"
import { confirm } from "../terminal/Confirm.ts"
import * as Flags from "../client/Flags.ts"
import { counted, faint, joined, moment, type Page, oneLine, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const key = Argument.String("key").pipe(
  Argument.withDescription("The key of the session (see `causeway sessions list`)."),
)

const limit = (noun: string) =>
  Flag.Int("limit").pipe(
    Flag.withDescription(`The largest number of ${noun}. Default: 50.`),
    Flag.filter(
      (rows) => rows > 0,
      () => "a number above 0",
    ),
    Flag.withDefault(50),
  )

const list = Command.make(
  "list",
  {
    agent: Flags.text("agent", "Only sessions of this agent."),
    spawnedBy: Flags.text("spawned-by", "Only sessions that this session has spawned."),
    search: Flags.text("search", "Only sessions with this text in their key, name, label or newest message."),
    limit: limit("sessions"),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json, limit, search, spawnedBy }) {
    const { calls } = yield* GatewayClient
    const filter = Flags.given({ agentId: agent, parentKey: spawnedBy, search })
    const query: SessionQuery = { ...filter, limit: Math.min(limit, PAGE_ROWS) }
    let total = 0
    const pages = Stream.paginate(query, (query) =>
      Effect.map(calls["sessions.list"](query), ({ nextCursor, sessions, total: all }) => {
        total = all
        return [sessions, Option.map(Option.fromNullOr(nextCursor), (cursor) => ({ ...query, cursor }))] as const
      }),
    )
    const sessions = yield* Stream.runCollect(Stream.take(pages, limit))
    yield* show(json, { sessions, total }, () => listPage(sessions, total, Object.keys(filter).length > 0))
  }),
).pipe(
  Command.withDescription("List the sessions, newest first."),
  Command.withExamples([
    { command: "causeway sessions list", description: "List the 50 sessions that changed last" },
    {
      command: "causeway sessions list --agent luna --search invoice",
      description: "Search the sessions of one agent",
    },
  ]),
  Target.connected,
)

const listPage = (sessions: ReadonlyArray<Session>, total: number, isFiltered: boolean): Page => {
  if (total === 0) return isFiltered ? "No sessions match." : 'No sessions. Start one: causeway send "hello"'
  const hasSpawned = sessions.some(({ parentKey }) => parentKey !== undefined)
  const rows = sessions.map((session) => [
    session.key,
    session.agentId,
    session.activity,
    session.messageCount,
    moment(session.updatedAt),
    ...(hasSpawned ? [session.parentKey ?? ""] : []),
    oneLine(session.lastMessage ?? "", 60),
  ])
  const spawnedBy = hasSpawned ? ["SPAWNED BY"] : []
  const page = table(["KEY", "AGENT", "STATE", "MESSAGES", "CHANGED", ...spawnedBy, "NEWEST MESSAGE"], rows)
  return sessions.length === total ? page : [page, "\n", faint(`${sessions.length} of ${total}: use --limit for more`)]
}

const history = Command.make(
  "history",
  {
    key,
    limit: limit("messages"),
    before: Flag.Int("before").pipe(
      Flag.withDescription("Only messages older than the one with this number."),
      Flag.optional,
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ before, json, key, limit }) {
    const { calls } = yield* GatewayClient
    let older: number | null = null
    // Pages run from the newest message backwards.
    const newest: { readonly left: number; readonly before?: number } = { left: limit, ...Flags.given({ before }) }
    const pages = Stream.paginate(newest, ({ left, ...position }) =>
      Effect.map(
        calls["sessions.history"]({ key, limit: Math.min(left, PAGE_ROWS), ...position }),
        ({ messages, nextBefore }) => {
          older = nextBefore
          const rest = Option.map(Option.fromNullOr(nextBefore), (before) => ({ left: left - messages.length, before }))
          return [messages.toReversed(), Option.filter(rest, ({ left }) => left > 0)] as const
        },
      ),
    )
    const messages = Arr.reverse(yield* Stream.runCollect(pages))
    yield* show(json, { messages, nextBefore: older }, () => historyPage(messages, older))
  }),
).pipe(
  Command.withDescription("Print the transcript of a session, newest message last."),
  Command.withExamples([
    { command: "causeway sessions history agent:main:main", description: "Print the last 50 messages" },
    { command: "causeway sessions history work --limit 1000 --json", description: "Print a transcript for a program" },
  ]),
  Target.connected,
)

const historyPage = (messages: ReadonlyArray<Message>, nextBefore: number | null): Page => {
  if (messages.length === 0) return "No messages yet."
  const older = nextBefore === null ? [] : [faint(`older: --before ${nextBefore}`)]
  return joined([...older, ...messages.map(messageLines)], "\n\n")
}

/** Returns the mark of a message whose run failed or was aborted. */
const mark = ({ aborted, failed, role }: Message): string => {
  if (failed !== undefined) return `  failed: ${line(failed.message)}`
  if (aborted !== true) return ""
  return role === "user" ? "  aborted before its run started" : "  cut off"
}

const messageLines = (message: Message): Page => {
  const { at, id, role, text, tool } = message
  const body = tool === undefined ? text : `${tool.name}(${tool.input}) → ${tool.output}`
  return [faint(`${moment(at)}  ${role}  #${id}${mark(message)}`), "\n", body]
}

/** The word for "no setting of its own" in the settings of a session. */
const AGENTS = "agent"

/** Returns the setting for the contract, where null removes it. */
const removable = <A extends string>(flag: Option.Option<A>) =>
  Option.map(flag, (value) => (value === AGENTS || value === "" ? null : value) as Exclude<A, typeof AGENTS> | null)

const patch = Command.make(
  "patch",
  {
    key,
    name: Flags.text("name", "The name that lists show."),
    label: Flags.text("label", "The label. Empty: none."),
    model: Flags.text("model", "The model (see `causeway models list`). Empty: the agent's."),
    thinking: Flags.oneOf(
      "thinking",
      [...ThinkingLevel.literals, AGENTS],
      "How much the model thinks before it answers. `agent`: as the agent's setting.",
    ),
    queue: Flags.oneOf(
      "queue",
      [...QueueMode.literals, AGENTS],
      "The treatment of messages that arrive during a run. `agent`: as the agent's setting.",
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ json, key, label, model, name: displayName, queue, thinking }) {
    const { calls } = yield* GatewayClient
    const changes = Flags.given({
      displayName,
      label: removable(label),
      model: removable(model),
      thinking: removable(thinking),
      queue: removable(queue),
    })
    const session = yield* calls["sessions.patch"]({ key, ...changes })
    yield* show(json, session, () => `Changed the session ${key}.`)
  }),
).pipe(
  Command.withDescription("Change the given settings of a session."),
  Command.withExamples([
    { command: "causeway sessions patch work --thinking high", description: "Think more in one session" },
    {
      command: "causeway sessions patch work --thinking agent",
      description: "Think as much as the agent's setting says",
    },
  ]),
  Target.connected,
)

const reset = Command.make(
  "reset",
  { key, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, key, yes }) {
    const { calls } = yield* GatewayClient
    const { messageCount } = yield* calls["sessions.get"]({ key })
    yield* confirm(
      `aborts the open runs of the session ${key} and removes its ${counted(messageCount, "message")}`,
      yes,
    )
    const answer = yield* calls["sessions.reset"]({ key })
    yield* show(
      json,
      answer,
      () => `Removed ${counted(answer.removedMessages, "message")}. The session ${key} is empty.`,
    )
  }),
).pipe(
  Command.withDescription("Abort the open runs of a session and remove its messages."),
  Command.withExamples([{ command: "causeway sessions reset work --yes", description: "Skip the confirmation" }]),
  Target.connected,
)

const compact = Command.make(
  "compact",
  { key, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, key }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["sessions.compact"]({ key })
    yield* show(json, answer, () =>
      answer.summary === null
        ? `Nothing to summarize: the session ${key} has no message since its last summary.`
        : [faint(`The agent of the session ${key} now sees this summary:`), "\n", answer.summary.text],
    )
  }),
).pipe(
  Command.withDescription(
    "Summarize the messages of a session. Its agent then sees the summary. The transcript stays.",
  ),
  Command.withExamples([{ command: "causeway sessions compact work", description: "Free the model's context" }]),
  Target.connected,
)

const remove = Command.make(
  "delete",
  { key, yes: Flags.yes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, key, yes }) {
    const { calls } = yield* GatewayClient
    const { messageCount } = yield* calls["sessions.get"]({ key })
    yield* confirm(`removes the session ${key} with its ${counted(messageCount, "message")}`, yes)
    const answer = yield* calls["sessions.delete"]({ key })
    yield* show(
      json,
      answer,
      () => `Removed the session ${key} with its ${counted(answer.removedMessages, "message")}.`,
    )
  }),
).pipe(
  Command.withDescription("Remove a session with its transcript."),
  Command.withExamples([{ command: "causeway sessions delete work", description: "Remove it after a confirmation" }]),
  Target.connected,
)

export const sessions = Command.make("sessions").pipe(
  Command.withDescription("List, read, change, summarize, reset and remove sessions."),
  Command.withSubcommands([list, history, patch, compact, reset, remove]),
)
