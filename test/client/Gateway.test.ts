/** The client for programs without Effect, against a real gateway. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type ConnectionState, type Gateway } from "../../src/client.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** What a program without Effect does: it awaits. */
const program = (
  use: (gateway: Gateway, proxy: CuttingProxy.CuttingProxy) => Promise<void>,
  token = TestGateway.TOKEN,
) =>
  Effect.gen(function* () {
    const { port } = yield* TestGateway.TestGateway
    const proxy = yield* CuttingProxy.make(port)
    const gateway = yield* opened(`ws://127.0.0.1:${proxy.port}/rpc`, token)
    yield* Effect.promise(() => use(gateway, proxy))
  }).pipe(Effect.scoped, Effect.provide(TestGateway.layer()))

const opened = (url: string, token: string): Effect.Effect<Gateway, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => connect({ url, token })),
    (gateway) => Effect.promise(() => gateway.close()),
  )

const collect = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const item of items) all.push(item)
  return all
}

describe("connect", () => {
  it.live("calls methods as promises", () =>
    program(async (gateway) => {
      const luna = await gateway.call("agents.create", { name: "Luna" })
      expect(luna).toMatchObject({ id: "luna", name: "Luna" })
      expect((await gateway.call("agents.list", {})).agents).toContainEqual(luna)
    }),
  )

  it.live("rejects with the method's own error, its facts and all", () =>
    program(async (gateway) => {
      await expect(gateway.call("sessions.get", { key: "nowhere" })).rejects.toMatchObject({
        _tag: "SessionNotFound",
        sessionKey: "nowhere",
      })
    }),
  )

  it.live("rejects where the token is refused", () =>
    program(async (gateway) => {
      await expect(gateway.call("status", {})).rejects.toMatchObject({ _tag: "RpcClientError" })
      await expect(collect(gateway.reply("hello"))).rejects.toMatchObject({ _tag: "RpcClientError" })
    }, "not-the-token"),
  )

  it.live("gives a reply piece by piece", () =>
    program(async (gateway) => {
      const pieces = await collect(gateway.reply("one two three"))
      expect(pieces.length).toBeGreaterThan(2)
      expect(pieces.join("")).toBe("echo: one two three")
    }),
  )

  it.live("rejects in the loop where the run fails", () =>
    program(async (gateway) => {
      const said: Array<string> = []
      const loop = async () => {
        for await (const piece of gateway.reply("/fail now")) said.push(piece)
      }
      await expect(loop()).rejects.toMatchObject({ _tag: "RunNotDone", outcome: "failed" })
      expect(said.join("")).toBe("echo: now")
    }),
  )

  it.live("gives a run with its events, over a drop in the middle", () =>
    program(async (gateway, proxy) => {
      const tags: Array<string> = []
      let text = ""
      for await (const item of gateway.chat({ text: "/slow 400 a b c d e f", idempotencyKey: "k" })) {
        if (item._tag === "Event" && item.event._tag === "RunStarted") proxy.cut()
        if (item._tag === "Event" && item.event._tag === "MessageAdded") text = item.event.message.text
        tags.push(item._tag === "Event" ? item.event._tag : item._tag)
      }
      expect(tags[0]).toBe("Accepted")
      expect(tags.at(-1)).toBe("RunEnded")
      expect(tags.filter((tag) => tag === "RunStarted")).toHaveLength(1)
      expect(text).toBe("echo: a b c d e f")
    }),
  )

  it.live("lets a program leave a stream: the run goes on", () =>
    program(async (gateway) => {
      for await (const item of gateway.chat({ text: "/slow 300 a b c", idempotencyKey: "left" })) {
        if (item._tag === "Event" && item.event._tag === "RunStarted") break
      }
      expect(await gateway.call("runs.wait", { runId: "left" })).toMatchObject({ state: "done", reply: "echo: a b c" })
    }),
  )

  it.live("goes on with events from a position that another program saw", () =>
    program(async (gateway) => {
      const { position } = await gateway.call("chat.send", { text: "hello", idempotencyKey: "k" })
      await gateway.call("runs.wait", { runId: "k" })
      const missed: Array<string> = []
      for await (const item of gateway.events({ topics: ["chat"] }, position)) {
        if (item._tag === "Event") missed.push(item.event._tag)
        if (item._tag === "CaughtUp") break
      }
      expect(missed).toEqual(["RunAccepted", "MessageAdded", "RunStarted", "MessageAdded", "RunEnded"])
    }),
  )

  it.live("tells how the connection stands, until it is told to stop", () =>
    program(async (gateway, proxy) => {
      const states: Array<ConnectionState["_tag"]> = []
      let waiter = { tag: "Connected", resume: () => {} }
      const becomes = (tag: ConnectionState["_tag"]) =>
        new Promise<void>((resume) => {
          waiter = { tag, resume }
        })
      const connected = becomes("Connected")
      const stop = gateway.onState(({ _tag }) => {
        states.push(_tag)
        if (_tag === waiter.tag) waiter.resume()
      })
      await connected
      const waiting = becomes("Waiting")
      proxy.cut()
      await waiting
      await gateway.call("ping", {})
      stop()
      expect(states.slice(-3)).toEqual(expect.arrayContaining(["Waiting", "Connected"]))
    }),
  )

  it.live("closes for good: what is in flight ends, and no connection stays", () =>
    program(async (gateway, proxy) => {
      const events = collect(gateway.events())
      await gateway.call("ping", {})
      await gateway.close()
      await events.catch(() => undefined)
      expect(proxy.connections()).toBe(1)
      await expect(gateway.call("ping", {})).rejects.toBeDefined()
    }),
  )
})
