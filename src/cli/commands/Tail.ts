/**
 * `causeway tail`: what happens in a gateway as it happens, and what happened since a position. It goes on over drops
 * and restarts: events without a gap, log entries as far as the gateway remembers them.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { PAGE_ROWS } from "../../domain/Bounds.ts"
import { type EventItem, type Position, Topic } from "../../domain/Event.ts"
import type { LogEntry } from "../../domain/Log.ts"
import { eventLine } from "../terminal/EventLine.ts"
import * as Flags from "../client/Flags.ts"
import * as Output from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"
import { Writer } from "../terminal/Writer.ts"

/** `epoch:seq`, as `--json` writes positions; undefined: it is none. */
export const readPosition = (text: string): Position | undefined => {
  const [, epoch, seq] = /^(.+):(\d{1,15})$/.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) }
}

const decodeTopics = Schema.decodeUnknownOption(Schema.Array(Topic))

export const tail = Command.make(
  "tail",
  {
    from: Flag.String("from").pipe(
      Flag.withDescription("Begin after this position, epoch:seq, as --json writes them. Left out: from now on."),
      Flag.filterMap(
        (text) => Option.fromUndefinedOr(readPosition(text)),
        () => "epoch:seq",
      ),
      Flag.optional,
    ),
    topics: Flag.String("topics").pipe(
      Flag.withDescription(`Some topics only, separated by commas: ${Topic.literals.join(", ")}.`),
      Flag.filterMap(
        (text) => decodeTopics(text.split(",")),
        () => `some of ${Topic.literals.join(", ")}, separated by commas`,
      ),
      Flag.optional,
    ),
    logs: Flag.Boolean("logs").pipe(
      Flag.withDescription("The log, too: what is remembered of it, then what is added."),
      Flag.withDefault(false),
    ),
    session: Flags.text("session", "Only what happens in this session."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ from, json, logs, session, topics }) {
    const client = yield* GatewayClient
    const { isTerminal } = yield* Writer
    // A quiet gateway writes nothing. The note says that this is no failure.
    if (isTerminal("stderr")) yield* Output.note(Output.faint("[following; Ctrl-C ends]"))
    const chosen = Option.getOrUndefined(topics)
    const wanted = logs ? [...(chosen ?? Topic.literals), "logs" as const] : chosen
    const filter = { ...(wanted !== undefined && { topics: wanted }), ...Flags.given({ sessionKey: session }) }
    const withLogs = wanted?.includes("logs") === true

    let lastLog = 0
    /** The entries since the last one seen: those that were there before, and those of a time without connection. */
    const missedLogs = Effect.gen(function* () {
      const query = { limit: PAGE_ROWS }
      let page = yield* client.calls["logs.tail"]({ ...query, after: lastLog })
      // Numbers begin again with the gateway.
      if (page.head < lastLog) page = yield* client.calls["logs.tail"](query)
      lastLog = page.head
      return page.entries
    }).pipe(
      // Cut off by a drop: they are asked for again when it is joined anew.
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
    /** Writes all that has come at once in one go. */
    const write = (all: ReadonlyArray<EventItem>) => {
      if (json) return Output.json(all.map((item) => ({ position: `${epoch}:${item.seq}`, ...item })))
      const lines = all.flatMap((item) => itemLine(item) ?? [])
      return lines.length === 0 ? Effect.void : Output.print(Output.joined(lines, "\n"))
    }

    yield* client.events(filter, Option.getOrUndefined(from)).pipe(Stream.mapEffect(items), Stream.runForEach(write))
  }),
).pipe(
  Command.withDescription(
    "Write what happens, a line for each event, until Ctrl-C. With --json each line has its position, from which --from goes on: nothing that is kept is missed in between. Over a drop or a restart of the gateway it goes on by itself.",
  ),
  Command.withShortDescription("Write what happens as it happens."),
  Command.withExamples([
    { command: "causeway tail", description: "All that happens, but the log" },
    { command: "causeway tail --topics logs", description: "The log, the newest 200 entries first" },
    { command: "causeway tail --json --from 5f0c…:1200", description: "For a program, after the last position it saw" },
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
  epoch: "the position is of another database",
  retention: "what followed the position is no longer kept",
  future: "the gateway has not come to the position",
}

const itemLine = (item: EventItem): Output.Page | undefined => {
  if (item._tag === "Event") return eventLine(item.at, item.event)
  if (item._tag === "Joined" && item.reset !== null)
    return Output.faint(`[${resets[item.reset]}: what was missed is not shown]`)
  return undefined
}
