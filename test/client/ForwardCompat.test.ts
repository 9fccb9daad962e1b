import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** Renames two events, so that the gateway looks newer than the client. */
const renamed = (data: Buffer) =>
  Buffer.from(
    data.toString("latin1").replaceAll("AgentChanged", "AgentCharmed").replaceAll("SessionChanged", "SessionCharmed"),
    "latin1",
  )

const connected = Effect.gen(function* () {
  const { port, token } = yield* TestGateway.TestGateway
  const proxy = yield* CuttingProxy.make(port, renamed)
  return GatewayClient.layer({ url: `ws://127.0.0.1:${proxy.port}/rpc`, token })
})

describe("ForwardCompat", () => {
  it.live("A stream skips any number of events that the client does not know.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const layer = yield* connected
      yield* Effect.gen(function* () {
        const client = yield* GatewayClient
        const seen = yield* client.events({ topics: ["agents"] }).pipe(
          Stream.tap((item) =>
            item._tag === "CaughtUp"
              ? Effect.gen(function* () {
                  // One by one, so that each event is a chunk that the client must acknowledge.
                  for (let n = 0; n < 100; n++) yield* agents.update("main", { name: `Main ${n}` })
                  yield* agents.create({ id: "luna", name: "Luna" })
                  yield* agents.remove("luna")
                })
              : Effect.void,
          ),
          Stream.takeUntil((item) => item._tag === "Event"),
          Stream.runCollect,
        )
        expect(seen.map((item) => (item._tag === "Event" ? item.event : item._tag))).toEqual([
          "Joined",
          "CaughtUp",
          { _tag: "AgentRemoved", agentId: "luna" },
        ])
        expect((yield* Stream.runCollect(client.reply("hello"))).join("")).toBe("echo: hello")
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )
})
