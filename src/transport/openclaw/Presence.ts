/**
 * Presence: the gateway itself and who is connected to it, as lists and events tell it. Pure.
 */
import type { PresenceEntry } from "../../domain/Connection.ts"
import { VERSION } from "../../domain/Version.ts"
import { own } from "../DialectMethods.ts"
import { all, ask, known, map } from "../Inquiry.ts"
import type { Row } from "./MethodTable.ts"
import { Nothing } from "./Params.ts"
import { now } from "./SessionFacts.ts"

const self = (at: number) => ({
  host: "causeway",
  version: VERSION,
  mode: "gateway",
  reason: "self",
  text: `Gateway: causeway · app ${VERSION} · mode gateway · reason self`,
  ts: at,
})

const entry = ({ client, connectedAt, connectionId, dialect, role }: PresenceEntry) => ({
  host: client ?? dialect,
  mode: dialect,
  reason: "connect",
  roles: [role],
  instanceId: connectionId,
  text: `Node: ${client ?? "unknown"} · mode ${dialect}`,
  onlineSince: Math.floor(connectedAt),
  ts: Math.floor(connectedAt),
})

/** The newest: every client is told the list, so among very many its cost would grow with their square. */
const PRESENCE_MAX = 200

export const presenceEntries = (presence: ReadonlyArray<PresenceEntry>, at: number) => [
  self(Math.floor(at)),
  ...presence.slice(-PRESENCE_MAX).map(entry),
]

export const presence = () =>
  map(all({ at: now(), presence: ask("presence.list", {}, ({ presence }) => known(presence)) }), ({ at, presence }) =>
    presenceEntries(presence, at),
  )

export const presenceMethods: ReadonlyArray<Row> = [["system-presence", "operator.read", own(Nothing, presence)]]
