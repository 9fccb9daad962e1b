/**
 * `causeway devices`: who may come in by a key of their own: let those in that wait, and forget those that are paired.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../client/GatewayClient.ts"
import type { Device, PairingRequest } from "../domain/Device.ts"
import { confirm } from "./Confirm.ts"
import * as Flags from "./Flags.ts"
import { moment, show, table } from "./Output.ts"
import * as Target from "./Target.ts"

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
).pipe(Command.withDescription("List the devices that are paired, and those that wait to be."), Target.connected)

const page = (devices: ReadonlyArray<Device>, requests: ReadonlyArray<PairingRequest>): string => {
  const waiting = requests.map((request) => [
    request.requestId,
    request.displayName,
    request.platform,
    request.remoteAddress,
    request.scopes.join(" "),
  ])
  const paired = devices.map(({ deviceId, displayName, grants, pairedAt, platform }) => [
    deviceId,
    displayName,
    platform,
    moment(pairedAt),
    grants.map(({ role, scopes }) => [role, ...scopes].join(" ")).join(", "),
  ])
  const tables = [
    ...(waiting.length === 0 ? [] : [table(["WAITS", "NAME", "PLATFORM", "ADDRESS", "ASKS FOR"], waiting)]),
    ...(paired.length === 0 ? [] : [table(["PAIRED", "NAME", "PLATFORM", "SINCE", "MAY"], paired)]),
  ]
  return tables.length === 0 ? "No devices." : tables.join("\n\n")
}

const approve = Command.make(
  "approve",
  { request, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json, request }) {
    const { calls } = yield* GatewayClient
    const device = yield* calls["devices.approve"]({ requestId: request })
    yield* show(json, device, () => `The device ${device.deviceId} is paired.`)
  }),
).pipe(
  Command.withDescription("Let a device in that waits, with the scopes that it asks for."),
  Command.withExamples([
    { command: "causeway devices list", description: "See who waits, and with which scopes" },
    { command: "causeway devices approve 3f2a…", description: "Let it in" },
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
