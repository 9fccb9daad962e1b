/**
 * `causeway devices`: lists devices and pairing requests, approves and rejects requests, and removes devices.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { DeviceApproval, AccessRequest, Device, PairingRequest } from "../../domain/Device.ts"
import { everyScope } from "../../domain/Principal.ts"
import { line } from "../../domain/Printable.ts"
import { confirm } from "../terminal/Confirm.ts"
import * as Flags from "../client/Flags.ts"
import { joined, moment, type Page, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

const request = Argument.String("request").pipe(
  Argument.withDescription("The id of the request (see `causeway devices list`)."),
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
    "List the paired devices, and the waiting ones with role, scopes, reason and key fingerprint.",
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

const approvalLine = ({ deviceId, displayName, granted: { role, scopes } }: DeviceApproval): string =>
  line(
    `Approved device ${deviceId}${displayName === null ? "" : ` (${displayName})`} as ${role}` +
      ` with ${scopes.join(", ") || "no scopes"}.`,
  )

/** The flag has a singular name, because each use adds one scope. */
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
  Command.withDescription("Approve a pairing request with the scopes that it asks for."),
  Command.withExamples([
    { command: "causeway devices list", description: "See the waiting devices and their scopes" },
    { command: "causeway devices approve 3f2a…", description: "Grant the scopes in the list" },
    {
      command: "causeway devices approve 3f2a… --scope operator.read",
      description: "Fail if it asks for other scopes",
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
    yield* show(json, answer, () => `Rejected device ${answer.deviceId}. It may ask again.`)
  }),
).pipe(
  Command.withDescription("Reject a pairing request. The device may ask again."),
  Command.withExamples([{ command: "causeway devices reject 3f2a…", description: "Reject the request" }]),
  Target.connected,
)

const remove = Command.make(
  "remove",
  {
    device: Argument.String("device").pipe(
      Argument.withDescription("The id of the device (see `causeway devices list`)."),
    ),
    yes: Flags.yes,
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ device, json, yes }) {
    const { calls } = yield* GatewayClient
    yield* confirm(`removes the device ${device}, revokes its tokens and closes its connections`, yes)
    const answer = yield* calls["devices.remove"]({ deviceId: device })
    yield* show(json, answer, () => `Removed device ${answer.deviceId}.`)
  }),
).pipe(
  Command.withDescription("Remove a device, revoke its tokens and close its connections."),
  Command.withExamples([{ command: "causeway devices remove 9c1e…", description: "Remove it after a confirmation" }]),
  Target.connected,
)

export const devices = Command.make("devices").pipe(
  Command.withDescription("List and remove devices, and decide on pairing requests."),
  Command.withSubcommands([list, approve, reject, remove]),
)
