/**
 * `causeway connections`: lists the connections of a gateway with their wires and open calls, and closes connections.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import * as Flags from "../client/Flags.ts"
import { moment, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["connections.list"]({})
    const rows = () =>
      answer.connections.map((connection) => [
        connection.id,
        connection.dialect,
        connection.remoteAddress,
        connection.principal?.id ?? null,
        connection.client,
        moment(connection.connectedAt),
        connection.callsInFlight,
        connection.outboxBytes,
      ])
    yield* show(json, answer, () =>
      table(["ID", "WIRE", "ADDRESS", "PRINCIPAL", "CLIENT", "SINCE", "CALLS", "OUTBOX BYTES"], rows()),
    )
  }),
).pipe(Command.withDescription("List the connections, including the one of this command."), Target.connected)

const close = Command.make(
  "close",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("The id of the connection (see `causeway connections list`)."),
    ),
    reason: Flags.text("reason", "The close reason that its client receives."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ id, json, reason }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["connections.close"]({ connectionId: id, ...Flags.given({ reason }) })
    yield* show(json, answer, () => `Closed connection ${id}. Its client may reconnect.`)
  }),
).pipe(
  Command.withDescription("Close a connection. Its client gets the reason and may reconnect. It misses no kept event."),
  Command.withExamples([
    { command: 'causeway connections close c42 --reason "maintenance"', description: "Close it with a reason" },
  ]),
  Target.connected,
)

export const connections = Command.make("connections").pipe(
  Command.withDescription("List and close connections."),
  Command.withSubcommands([list, close]),
)
