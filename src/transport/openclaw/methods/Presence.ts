/**
 * Presence: the gateway itself and who is connected to it, as lists and events tell it. Pure.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { hostname, platform, release } from "node:os"
import type { PresenceEntry } from "../../../domain/Connection.ts"
import { VERSION } from "../../../domain/Version.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { given } from "../../dialect/Params.ts"
import { Nothing } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

/** Another after every start. */
export const BOOT_ID = randomUUID()

const families: { readonly [platform: string]: string } = { darwin: "Mac", linux: "Linux", win32: "Windows" }

/** The machine that the gateway runs on: it does not change while it runs. */
const machine = {
  host: hostname() || "causeway",
  platform: `${platform()} ${release()}`,
  deviceFamily: families[platform()] ?? platform(),
}

const self = (at: number) => ({
  ...machine,
  version: VERSION,
  mode: "gateway",
  reason: "self",
  instanceId: BOOT_ID,
  text: `Gateway: causeway · app ${VERSION} · mode gateway · reason self`,
  ts: at,
})

/** Clients of other wires say less of themselves. Nodes are known by their device, everybody else by what they say. */
const entry = (presence: PresenceEntry) => {
  const { client, connectedAt, connectionId, deviceId, dialect, instanceId, mode = dialect, role, scopes } = presence
  const { deviceFamily, modelIdentifier, platform, timeZone, version } = presence
  const host = client || dialect
  return {
    host,
    ...given({ version, platform, deviceFamily, modelIdentifier, timeZone, deviceId }),
    mode,
    reason: "connect",
    roles: [role],
    scopes,
    instanceId: (role === "node" ? deviceId : undefined) ?? instanceId ?? connectionId,
    text: `Node: ${host} · mode ${mode}`,
    onlineSince: Math.floor(connectedAt),
    ts: Math.floor(connectedAt),
  }
}

/** The newest: every client is told the list, so among very many its cost would grow with their square. */
const PRESENCE_MAX = 200

export const presenceEntries = (presence: ReadonlyArray<PresenceEntry>, at: number) => [
  self(Math.floor(at)),
  ...presence.slice(-PRESENCE_MAX).map(entry),
]

export const presence = () =>
  Effect.map(
    Effect.all({ at: now(), presence: Effect.map(call("presence.list", {}), ({ presence }) => presence) }),
    ({ at, presence }) => presenceEntries(presence, at),
  )

export const presenceMethods: ReadonlyArray<Row> = [
  ["system-presence", "operator.read", dialectMethod(Nothing, presence)],
]
