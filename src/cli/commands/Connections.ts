/**
 * `causeway connections`: who is connected to a gateway, on which wire and with how much under way.
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
).pipe(Command.withDescription("List the connections, this command's own among them."), Target.connected)

const close = Command.make(
  "close",
  {
    id: Argument.String("id").pipe(Argument.withDescription("The connection's id, as `connections list` shows it.")),
    reason: Flags.text("reason", "What its client is told."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ id, json, reason }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["connections.close"]({ connectionId: id, ...Flags.given({ reason }) })
    yield* show(json, answer, () => `The connection ${id} is closed; its client may come back.`)
  }),
).pipe(
  Command.withDescription(
    "Close a connection. Its client is told why and may come back; it loses nothing that is kept.",
  ),
  Command.withExamples([{ command: 'causeway connections close c42 --reason "maintenance"', description: "Say why" }]),
  Target.connected,
)

export const connections = Command.make("connections").pipe(
  Command.withDescription("See who is connected, and close connections."),
  Command.withSubcommands([list, close]),
)
