/**
 * Nodes: devices that lend what they can do, as lists of them show who is there. What a node offers has no place in the
 * contract yet, so that each is told without commands. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PresenceEntry } from "../../../domain/Connection.ts"
import type { Device } from "../../../domain/Device.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, fail, type Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { id, invalid, Nothing } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

const offer = { caps: [], commands: [] }

/** Somebody who has no key is known by what it says of itself. */
const nodeIdOf = ({ connectionId, deviceId, instanceId }: PresenceEntry): string =>
  deviceId ?? instanceId ?? connectionId

const here = (node: PresenceEntry) => {
  const { client, connectedAt, deviceFamily, deviceId, mode, modelIdentifier, platform, version } = node
  const connectedAtMs = Math.floor(connectedAt)
  return {
    nodeId: nodeIdOf(node),
    ...given({ displayName: client || undefined, platform, version, deviceFamily, modelIdentifier, clientMode: mode }),
    ...offer,
    approvalState: "approved",
    connectedAtMs,
    lastConnectedAtMs: connectedAtMs,
    lastSeenAtMs: connectedAtMs,
    lastSeenReason: "connect",
    paired: deviceId !== undefined,
    connected: true,
  }
}

const away = ({ clientId, clientMode, deviceFamily, deviceId, displayName, grants, pairedAt, platform }: Device) => {
  const lastAt = grants.find(({ role }) => role === "node")?.lastUsedAt
  return {
    nodeId: deviceId,
    ...given({ displayName, platform, deviceFamily, clientId, clientMode }),
    ...offer,
    approvalState: "approved",
    ...given({ lastConnectedAtMs: lastAt, lastSeenAtMs: lastAt }),
    approvedAtMs: Math.floor(pairedAt),
    paired: true,
    connected: false,
  }
}

const isNode = ({ grants }: Device): boolean => grants.some(({ role }) => role === "node")

/** Who may pair devices is told of those too that are away. */
const nodes = (): Query<ReadonlyArray<ReturnType<typeof here> | ReturnType<typeof away>>> => {
  const presence = Effect.map(call("presence.list", {}), ({ presence }) => presence)
  const devices: Query<ReadonlyArray<Device>> = Effect.map(call("devices.list", {}), ({ devices }) => devices)
  return Effect.map(
    Effect.all({ presence, devices: Effect.orElseSucceed(devices, () => []) }),
    ({ devices, presence }) => {
      const connected = presence.filter(({ role }) => role === "node").map(here)
      const ids = new Set(connected.map(({ nodeId }) => nodeId))
      return [...connected, ...devices.filter((device) => isNode(device) && !ids.has(device.deviceId)).map(away)]
    },
  )
}

const list = dialectMethod(Nothing, () => Effect.all({ ts: now(), nodes: nodes() }))

const describe = dialectMethod(Schema.Struct({ nodeId: id }), ({ nodeId }) => {
  if (trimmed(nodeId) === undefined) return invalid("nodeId is required")
  return Effect.flatMap(Effect.all({ ts: now(), nodes: nodes() }), ({ nodes, ts }): Query<object> => {
    const found = nodes.find((node) => node.nodeId === nodeId)
    return found === undefined
      ? fail({ _tag: "Domain", error: { _tag: "NodeNotFound", message: "unknown nodeId" } })
      : Effect.succeed({ ts, ...found })
  })
})

export const nodeMethods: ReadonlyArray<Row> = [
  ["node.list", "operator.read", list],
  ["node.describe", "operator.read", describe],
  // What a node offers would wait here to be approved; the node itself is a device.
  ["node.pair.list", "operator.pairing", dialectMethod(Nothing, () => Effect.succeed({ pending: [], paired: [] }))],
]
