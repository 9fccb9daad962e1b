/**
 * `causeway devices`: lists devices and pairing requests, decides on requests, and forgets devices.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { Approval, AccessRequest, Device, PairingRequest } from "../../domain/Device.ts"
import { everyScope } from "../../domain/Principal.ts"
import { line } from "../../domain/Printable.ts"
import { confirm } from "../terminal/Confirm.ts"
import * as Flags from "../client/Flags.ts"
import { joined, moment, type Page, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const request = Argument.String("request").pipe(
  Argument.withDescription("The request's id, as `devices list` shows it."),
)

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["devices.list"]({})
    yield* show(json, answer, () => page(answer.devices, answer.requests))
  }),
).pipe(
  Command.withDescription(
    "List paired devices, and waiting ones with what they ask for and the fingerprint of their key.",
  ),
  Target.connected,
)

const page = (devices: ReadonlyArray<Device>, requests: ReadonlyArray<PairingRequest>): Page => {
  const waiting = requests.map((request) => [
    request.requestId,
    request.displayName,
    request.platform,
    request.remoteAddress,
    request.reason,
    grantLine(request),
    request.deviceId,
  ])
  const paired = devices.map(({ deviceId, displayName, grants, pairedAt, platform }) => [
    deviceId,
    displayName,
    platform,
    moment(pairedAt),
    grants.map(grantLine).join(", "),
  ])
  const tables = [
    ...(waiting.length === 0
      ? []
      : [table(["WAITS", "NAME", "PLATFORM", "ADDRESS", "REASON", "ASKS FOR", "KEY FINGERPRINT"], waiting)]),
    ...(paired.length === 0 ? [] : [table(["PAIRED", "NAME", "PLATFORM", "SINCE", "MAY"], paired)]),
  ]
  return tables.length === 0 ? "No devices." : joined(tables, "\n\n")
}

const grantLine = ({ role, scopes }: AccessRequest): string => [role, ...scopes].join(" ")

const approvalLine = ({ deviceId, displayName, granted: { role, scopes } }: Approval): string =>
  line(
    `The device ${deviceId}${displayName === null ? "" : ` (${displayName})`} may now come in as ${role}` +
      ` with ${scopes.join(", ") || "no scopes"}.`,
  )

/** Named in the singular, as one flag gives one scope. */
const scopes = Flag.Literals("scope", everyScope).pipe(
  Flag.withDescription("A scope that you expect; repeat it for more. The request must ask for exactly these scopes."),
  Flag.between(0, everyScope.length),
)

const approve = Command.make(
  "approve",
  { request, scopes, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, request: requestId, scopes }) {
    const { calls } = yield* GatewayClient
    const { requests } = yield* calls["devices.list"]({})
    const listed = requests.find((request) => request.requestId === requestId)
    const expectedScopes = scopes.length > 0 ? scopes : (listed?.scopes ?? [])
    const approval = yield* calls["devices.approve"]({ requestId, expectedScopes })
    yield* show(json, approval, () => approvalLine(approval))
  }),
).pipe(
  Command.withDescription("Let a device in that waits, with the scopes that it asks for."),
  Command.withExamples([
    { command: "causeway devices list", description: "See which devices wait, and for which scopes" },
    { command: "causeway devices approve 3f2a…", description: "Grant what the list shows" },
    {
      command: "causeway devices approve 3f2a… --scope operator.read",
      description: "Refuse it if it asks for anything else",
    },
  ]),
  Target.connected,
)

const reject = Command.make(
  "reject",
  { request, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, request }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["devices.reject"]({ requestId: request })
    yield* show(json, answer, () => `The device ${answer.deviceId} is turned away; it may ask again.`)
  }),
).pipe(
  Command.withDescription("Turn a device away that waits. It may ask again."),
  Command.withExamples([{ command: "causeway devices reject 3f2a…", description: "Do not let it in" }]),
  Target.connected,
)

const remove = Command.make(
  "remove",
  {
    device: Argument.String("device").pipe(Argument.withDescription("The device's id, as `devices list` shows it.")),
    yes: Flags.yes,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ device, json, yes }) {
    const { calls } = yield* GatewayClient
    yield* confirm(`makes the tokens of the device ${device} worthless and closes its connections`, yes)
    const answer = yield* calls["devices.remove"]({ deviceId: device })
    yield* show(json, answer, () => `The device ${answer.deviceId} is forgotten.`)
  }),
).pipe(
  Command.withDescription("Forget a device: its tokens are worth nothing and its connections are closed."),
  Command.withExamples([{ command: "causeway devices remove 9c1e…", description: "Asks first" }]),
  Target.connected,
)

export const devices = Command.make("devices").pipe(
  Command.withDescription("See which devices are paired, let others in and forget them."),
  Command.withSubcommands([list, approve, reject, remove]),
)
