/**
 * Presence: the list of the gateway and its connected clients. The method `system-presence`, the presence event and
 * hello-ok have it.
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

const presence = Effect.gen(function* () {
  const at = yield* now()
  const { presence } = yield* call("presence.list", {})
  return presenceEntries(presence, at)
})

/** The number of clients in hello-ok. The arrival of a client publishes the longer list, which soon follows. */
const HELLO_MAX = 50

/** Beside more than this many clients, new ones share the list in hello-ok for a time. */
const UNSHARED_MAX = 200
const SHARED_MS = 100

/** The list for hello-ok as JSON. Clients may come by the thousand, so it keeps the text of each entry. */
export class PresenceAtHello {
  /** The texts of the newest entries. */
  readonly #texts = new Map<PresenceEntry, string>()
  #shared: { readonly text: string; readonly at: number } | undefined = undefined

  /** Returns the list at the time `at`. `present` returns all present clients, oldest first. */
  text(present: () => ReadonlyArray<PresenceEntry>, at: number): string {
    if (this.#shared !== undefined && Math.abs(at - this.#shared.at) < SHARED_MS) return this.#shared.text
    const clients = present()
    const texts = clients.slice(-HELLO_MAX).map((client) => this.#textOf(client))
    const text = `[${[JSON.stringify(self(Math.floor(at))), ...texts].join()}]`
    this.#shared = clients.length > UNSHARED_MAX ? { text, at } : undefined
    return text
  }

  #textOf(client: PresenceEntry): string {
    let text = this.#texts.get(client)
    if (text === undefined) {
      // Most of them have left.
      if (this.#texts.size >= 4 * HELLO_MAX) this.#texts.clear()
      text = JSON.stringify(entry(client))
      this.#texts.set(client, text)
    }
    return text
  }
}

export const presenceMethods: ReadonlyArray<Row> = [
  ["system-presence", "operator.read", dialectMethod(NoParams, () => presence)],
]
