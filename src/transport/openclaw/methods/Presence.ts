/**
 * Presence: the list of the gateway and its connected clients. The method `system-presence`, the presence event and
 * hello-ok use it.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { hostname, platform, release } from "node:os"
import type { PresenceEntry } from "../../../domain/Connection.ts"
import { VERSION } from "../../../domain/Version.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { cached, call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { given } from "../../dialect/Params.ts"
import { NoParams } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

/** The id of this start of the gateway. */
export const BOOT_ID = randomUUID()

const families: { readonly [platform: string]: string } = { darwin: "Mac", linux: "Linux", win32: "Windows" }

/** Read once: these facts do not change while the gateway runs. */
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

/** A node is identified by its device, any other client by its own instance id. Other wires have fewer facts. */
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

/** The list has the newest clients only. Every client gets it, so its cost grows with the square of their number. */
const PRESENCE_MAX = 200

export const presenceEntries = (presence: ReadonlyArray<PresenceEntry>, at: number) => [
  self(Math.floor(at)),
  ...presence.slice(-PRESENCE_MAX).map(entry),
]

export const presence = Effect.gen(function* () {
  const at = yield* now()
  const { presence } = yield* call("presence.list", {})
  return presenceEntries(presence, at)
})

/** The time for which new clients share the list in hello-ok, once it is cut. */
const SHARED_MS = 100

/**
 * The list for hello-ok. The list of thousands of clients takes milliseconds, and they may all come at once. A client that
 * gets an older list gets the newest soon, because its own arrival publishes one.
 */
export const presenceAtHello = cached(presence, ({ length }) => (length > PRESENCE_MAX ? SHARED_MS : undefined))

export const presenceMethods: ReadonlyArray<Row> = [
  ["system-presence", "operator.read", dialectMethod(NoParams, () => presence)],
]
