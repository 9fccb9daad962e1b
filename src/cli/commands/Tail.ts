/**
 * `causeway tail`: prints the events of a gateway as they happen, or since a position. After a drop or a restart it
 * continues: it misses no kept event, and it prints the log entries that the gateway still has.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { PAGE_ROWS } from "../../domain/Bounds.ts"
import { defaultTopics, type EventItem, type Position, Topic } from "../../domain/Event.ts"
import type { LogEntry } from "../../domain/Log.ts"
import { eventLine } from "../terminal/EventLine.ts"
import * as Flags from "../client/Flags.ts"
import * as Output from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"
import { Writer } from "../terminal/Writer.ts"

/** Parses `epoch:seq`, as `--json` prints positions. Returns `undefined` if the text is no position. */
export const parsePosition = (text: string): Position | undefined => {
  const [, epoch, seq] = /^(.+):(\d{1,15})$/.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) }
}

const decodeTopics = Schema.decodeUnknownOption(Schema.Array(Topic))

export const tail = Command.make(
  "tail",
  {
    from: Flag.String("from").pipe(
      Flag.withDescription("Start after this position, epoch:seq, as --json prints it. Default: from now on."),
      Flag.filterMap(
        (text) => Option.fromUndefinedOr(parsePosition(text)),
        () => "epoch:seq",
      ),
      Flag.optional,
    ),
    topics: Flag.String("topics").pipe(
      Flag.withDescription(`Only these topics, separated by commas: ${Topic.literals.join(", ")}.`),
      Flag.filterMap(
        (text) => decodeTopics(text.split(",")),
        () => `some of ${Topic.literals.join(", ")}, separated by commas`,
      ),
      Flag.optional,
    ),
    logs: Flag.Boolean("logs").pipe(
      Flag.withDescription("Also print the log: the newest entries, then new ones."),
      Flag.withDefault(false),
    ),
    session: Flags.text("session", "Only events of this session."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ from, json, logs, session, topics }) {
    const client = yield* GatewayClient
    const { isTerminal } = yield* Writer
    // An idle gateway has no events. The note shows that the command works.
    if (isTerminal("stderr")) yield* Output.note(Output.faint("[following; Ctrl-C ends]"))
    const chosen = Option.getOrUndefined(topics)
    const wanted = logs ? [...(chosen ?? defaultTopics), "logs" as const] : chosen
    const filter = { ...(wanted !== undefined && { topics: wanted }), ...Flags.given({ sessionKey: session }) }
    const withLogs = wanted?.includes("logs") === true

    let lastLog = 0
    /** Returns the log entries after the last seen one: earlier ones, or those during a lost connection. */
    const missedLogs = Effect.gen(function* () {
      const query = { limit: PAGE_ROWS }
      let page = yield* client.calls["logs.tail"]({ ...query, after: lastLog })
      // A restarted gateway counts from the beginning.
      if (page.head < lastLog) page = yield* client.calls["logs.tail"](query)
      lastLog = page.head
      return page.entries
    }).pipe(
      // After a drop, the next `Joined` item asks for them again.
      Effect.catchTag("RpcClientError", () => Effect.succeed([])),
    )

    let epoch = ""
    const items = Effect.fnUntraced(function* (item: EventItem) {
      if (item._tag === "Joined") {
        epoch = item.epoch
        const missed = withLogs ? yield* missedLogs : []
        return [item, ...missed.map((entry) => logItem(item.seq, entry))]
      }
      if (item._tag !== "Event" || item.event._tag !== "LogAdded") return [item]
      const { id } = item.event.entry
      if (id <= lastLog) return []
      lastLog = id
      return [item]
    })
    /** Writes a batch of items at once. */
    const write = (all: ReadonlyArray<EventItem>) => {
      if (json) return Output.json(all.map((item) => ({ position: `${epoch}:${item.seq}`, ...item })))
      const lines = all.flatMap((item) => itemLine(item) ?? [])
      return lines.length === 0 ? Effect.void : Output.print(Output.joined(lines, "\n"))
    }

    yield* client.events(filter, Option.getOrUndefined(from)).pipe(Stream.mapEffect(items), Stream.runForEach(write))
  }),
).pipe(
  Command.withDescription(
    "Print each event on a line, until Ctrl-C. With --json each line has its position: --from continues after it and misses no kept event. The command continues after a drop or a restart of the gateway.",
  ),
  Command.withShortDescription("Print events as they happen."),
  Command.withExamples([
    { command: "causeway tail", description: "Print all events except the log" },
    { command: "causeway tail --topics logs", description: "Print the newest 200 log entries, then new ones" },
    { command: "causeway tail --json --from 5f0c…:1200", description: "Continue after a position, for a program" },
  ]),
  Target.connected,
)

const logItem = (seq: number, entry: LogEntry): EventItem => ({
  _tag: "Event",
  seq,
  at: entry.at,
  event: { _tag: "LogAdded", entry },
})

const resets = {
  epoch: "the position belongs to another database",
  retention: "the gateway no longer keeps the events after the position",
  future: "the gateway has not reached the position",
}

const itemLine = (item: EventItem): Output.Page | undefined => {
  if (item._tag === "Event") return eventLine(item.at, item.event)
  if (item._tag === "Joined" && item.reset !== null)
    return Output.faint(`[${resets[item.reset]}: missed events are not shown]`)
  return undefined
}
