import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { WebSocket } from "ws"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import * as Gateway from "../../src/Gateway.ts"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../src/services/agents/EchoRuntime.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** A runtime of the embedding program. */
const shout = {
  name: "shout",
  models: [{ id: "shout-1", name: "Shout", runtime: "shout", contextWindow: null }],
  run: ({ text }) => Stream.make({ _tag: "Text", text: text.toUpperCase() } as const),
} satisfies AgentRuntime

const { client } = TestGateway

describe("Embedding", () => {
  it.live("A program calls its embedded gateway with the typed client.", () =>
    Effect.gen(function* () {
      const { calls, reply } = yield* GatewayClient
      expect((yield* reply("hello").pipe(Stream.runCollect)).join("")).toBe("echo: hello")
      expect((yield* calls["sessions.list"]({})).total).toBe(1)
    }).pipe(Effect.provide(client.pipe(Layer.provideMerge(TestGateway.layer())))),
  )

  it.live("A program adds runtimes to those of its gateway.", () => {
    const runtimes = Layer.mergeAll(Gateway.parts.runtimes, AgentRuntimes.add(shout))
    return Effect.gen(function* () {
      const { calls, reply } = yield* GatewayClient
      expect((yield* reply("hello").pipe(Stream.runCollect)).join("")).toBe("HELLO")
      yield* calls["agents.update"]({ id: "main", runtime: "echo" })
      expect((yield* reply("hello").pipe(Stream.runCollect)).join("")).toBe("echo: hello")
      expect((yield* calls["models.list"]({})).models).toEqual([...echo.models, ...shout.models])
    }).pipe(Effect.provide(client.pipe(Layer.provideMerge(TestGateway.layer({ runtime: "shout", runtimes })))))
  })

  it.live("A program and the clients of its gateway see each other's changes of the same services.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const { calls } = yield* GatewayClient
      const luna = yield* calls["agents.create"]({ name: "Luna" })
      expect(agents.all()).toContainEqual(luna)
      yield* agents.update("luna", { model: "shout-1" })
      expect((yield* calls["agents.get"]({ id: "Luna" })).model).toBe("shout-1")
    }).pipe(Effect.provide(client.pipe(Layer.provideMerge(TestGateway.layer())))),
  )

  it.live(
    "A program that closes the scope drains the gateway: clients get the event first and then a close with a reason.",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(TestGateway.layer(), scope)
        const { token, wsUrl } = yield* TestGateway.TestGateway.pipe(Effect.provide(context))
        const frames: Array<string> = []
        const socket = new WebSocket(`${wsUrl}/rpc`, { headers: { authorization: `Bearer ${token}` } })
        const subscribed = Effect.callback<void>((resume) => {
          socket.on("open", () => {
            socket.send(JSON.stringify({ _tag: "Request", id: "1", tag: "events.subscribe", payload: {}, headers: [] }))
          })
          socket.on("message", (data) => {
            frames.push(String(data))
            socket.send(JSON.stringify({ _tag: "Ack", requestId: "1" }))
            if (String(data).includes("CaughtUp")) resume(Effect.void)
          })
        })
        yield* subscribed
        const closed = Effect.callback<readonly [number, string]>((resume) => {
          socket.on("close", (code, reason) => resume(Effect.succeed([code, String(reason)] as const)))
        })
        const [, [code, reason]] = yield* Effect.all([Scope.close(scope, Exit.void), closed], { concurrency: 2 })
        expect(frames.join("\n")).toContain("GatewayStopping")
        expect(code).toBe(1012)
        expect(reason).not.toBe("")
      }),
  )
})
