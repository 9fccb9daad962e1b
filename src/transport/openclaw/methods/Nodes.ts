/**
 * Nodes: the methods that list nodes, connected or paired. The contract does not have the capabilities of a node, so
 * each node is listed without commands.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PresenceEntry } from "../../../domain/Connection.ts"
import type { Device } from "../../../domain/Device.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, fail } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { given, hasText } from "../../dialect/Params.ts"
import { id, ignored, invalid, NoParams } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

const noCapabilities = { caps: [], commands: [] }

/** A node without a key has no device id. */
const nodeIdOf = ({ connectionId, deviceId, instanceId }: PresenceEntry): string =>
  deviceId ?? instanceId ?? connectionId

const connectedNode = (node: PresenceEntry) => {
  const { client, connectedAt, deviceFamily, deviceId, mode, modelIdentifier, platform, version } = node
  const connectedAtMs = Math.floor(connectedAt)
  return {
    nodeId: nodeIdOf(node),
    ...given({ displayName: client || undefined, platform, version, deviceFamily, modelIdentifier, clientMode: mode }),
    ...noCapabilities,
    approvalState: "approved",
    connectedAtMs,
    lastConnectedAtMs: connectedAtMs,
    lastSeenAtMs: connectedAtMs,
    lastSeenReason: "connect",
    paired: deviceId !== undefined,
    connected: true,
  }
}

const pairedNode = ({
  clientId,
  clientMode,
  deviceFamily,
  deviceId,
  displayName,
  grants,
  pairedAt,
  platform,
}: Device) => {
  const lastAt = grants.find(({ role }) => role === "node")?.lastUsedAt
  return {
    nodeId: deviceId,
    ...given({ displayName, platform, deviceFamily, clientId, clientMode }),
    ...noCapabilities,
    approvalState: "approved",
    ...given({ lastConnectedAtMs: lastAt, lastSeenAtMs: lastAt }),
    approvedAtMs: Math.floor(pairedAt),
    paired: true,
    connected: false,
  }
}

const isNode = ({ grants }: Device): boolean => grants.some(({ role }) => role === "node")

/** Returns the connected nodes and, if the client may pair devices, the paired nodes that are not connected. */
const nodes = Effect.gen(function* () {
  const { presence } = yield* call("presence.list", {})
  const { devices } = yield* Effect.orElseSucceed(call("devices.list", {}), () => ({ devices: [] }))
  const connected = presence.filter(({ role }) => role === "node").map(connectedNode)
  const ids = new Set(connected.map(({ nodeId }) => nodeId))
  return [...connected, ...devices.filter((device) => isNode(device) && !ids.has(device.deviceId)).map(pairedNode)]
})

const list = dialectMethod(NoParams, () => Effect.all({ ts: now(), nodes }))

const nodeNotFound = fail({ _tag: "Domain", error: { _tag: "NodeNotFound", message: "unknown nodeId" } })

const describe = dialectMethod(Schema.Struct({ nodeId: id }), ({ nodeId }) => {
  if (!hasText(nodeId)) return invalid("nodeId is required")
  return Effect.gen(function* () {
    const ts = yield* now()
    const found = (yield* nodes).find((node) => node.nodeId === nodeId)
    return found === undefined ? yield* nodeNotFound : { ts, ...found }
  })
})

/** The commands by which the reference gateway reads and changes the policy of a node. */
const GET_POLICY = "system.execApprovals.get"
const SET_POLICY = "system.execApprovals.set"

/** Fails as the reference gateway does for a node without the command. Here, nodes have no commands. */
const nodePolicy = (command: string) =>
  dialectMethod(Schema.Struct({ nodeId: id, file: ignored, native: ignored, baseHash: id }), ({ nodeId }) => {
    if (!hasText(nodeId)) return invalid("nodeId is required")
    return Effect.gen(function* () {
      const node = (yield* nodes).find((node) => node.nodeId === nodeId)
      if (node === undefined) return yield* nodeNotFound
      const platform = "platform" in node ? node.platform : "unknown"
      const message = `node command not allowed: the node (platform: ${platform}) does not support "${command}". Use exec.approvals.get and exec.approvals.set for the policy of this gateway`
      return yield* fail({
        _tag: "Domain",
        error: { _tag: "NodeCommandNotAllowed", message, reason: "command not declared by node", command },
      })
    })
  })

/** Clients call them when they show a node. The gateway does not advertise methods that always fail. */
export const nodePolicyMethods: ReadonlyArray<Row> = [
  ["exec.approvals.node.get", "operator.admin", nodePolicy(GET_POLICY)],
  ["exec.approvals.node.set", "operator.admin", nodePolicy(SET_POLICY)],
]

export const nodeMethods: ReadonlyArray<Row> = [
  ["node.list", "operator.read", list],
  ["node.describe", "operator.read", describe],
  // OpenClaw approves the commands of a node here. The node itself is paired as a device.
  ["node.pair.list", "operator.pairing", dialectMethod(NoParams, () => Effect.succeed({ pending: [], paired: [] }))],
]
