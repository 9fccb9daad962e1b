/**
 * Nodes: the lists of connected and paired nodes.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { enter, enterAs, TestDevice } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const client = {
  id: "node-host",
  displayName: "Attic",
  version: "1.2.3",
  platform: "linux",
  deviceFamily: "Linux",
  mode: "node",
}

const asNode = { client, role: "node", scopes: [], caps: ["camera"], commands: ["camera.snap"] }

describe("Nodes", () => {
  it.live(
    "Connected nodes are listed for every reader, and other paired nodes for clients that may pair devices.",
    () =>
      Effect.gen(function* () {
        const node = new TestDevice()
        const { client: connection } = yield* enterAs(node, asNode)
        const { client: operator } = yield* enter()
        const { client: reader } = yield* enter({ scopes: ["operator.read"] })
        const here = {
          nodeId: node.id,
          displayName: "Attic",
          version: "1.2.3",
          platform: "linux",
          deviceFamily: "Linux",
          clientMode: "node",
          caps: [],
          commands: [],
          approvalState: "approved",
          paired: true,
          connected: true,
        }
        for (const client of [operator, reader]) {
          expect((yield* client.ask("node.list")).payload.nodes).toMatchObject([here])
          expect((yield* client.ask("node.describe", { nodeId: node.id })).payload).toMatchObject(here)
        }
        expect((yield* operator.ask("device.pair.list")).payload.paired).toMatchObject([{ connected: true }])

        for (const method of ["exec.approvals.node.get", "exec.approvals.node.set"]) {
          const command = method.replace("exec.approvals.node", "system.execApprovals")
          const ask = (nodeId: string, as = operator) => as.ask(method, { nodeId, file: { version: 1 } })
          expect((yield* ask(node.id)).error).toMatchObject({
            code: "INVALID_REQUEST",
            message: expect.stringContaining(`the node (platform: linux) does not support "${command}"`),
            details: { reason: "command not declared by node", command },
          })
          expect((yield* ask("nobody")).error?.message).toBe("unknown nodeId")
          expect((yield* ask(node.id, reader)).error?.message).toContain("operator.admin")
        }

        connection.socket.cut()
        yield* operator.socket.find((text) => {
          const { event, payload } = JSON.parse(text)
          if (event !== "presence") return undefined
          return payload.presence.some(({ deviceId }: any) => deviceId === node.id) ? undefined : true
        })
        const away = { nodeId: node.id, displayName: "Attic", platform: "linux", paired: true, connected: false }
        expect((yield* operator.ask("node.list")).payload.nodes).toMatchObject([away])
        expect((yield* reader.ask("node.list")).payload.nodes).toEqual([])
        expect((yield* operator.ask("device.pair.list")).payload.paired).toMatchObject([{ connected: false }])
        expect((yield* operator.ask("node.describe", { nodeId: "nobody" })).error).toMatchObject({
          code: "INVALID_REQUEST",
          message: "unknown nodeId",
        })
      }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("A node without a key is listed under its instance id while it is connected.", () =>
    Effect.gen(function* () {
      yield* enter({ ...asNode, client: { ...client, instanceId: "attic-1" } })
      const { client: operator } = yield* enter()
      const { nodes } = (yield* operator.ask("node.list")).payload
      expect(nodes).toMatchObject([{ nodeId: "attic-1", paired: false, connected: true }])
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )
})
