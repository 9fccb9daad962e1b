/** The promise client against a real gateway. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type ConnectionState, type Gateway } from "../../src/client.ts"
import { SessionNotFound } from "../../src/domain.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** Runs a program without Effect: its client connects through a proxy that can cut connections. */
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

describe("Gateway", () => {
  it.live("`call` calls a method and resolves to its result.", () =>
    program(async (gateway) => {
      const luna = await gateway.call("agents.create", { name: "Luna" })
      expect(luna).toMatchObject({ id: "luna", name: "Luna" })
      expect((await gateway.call("agents.list", {})).agents).toContainEqual(luna)
    }),
  )

  it.live("`call` rejects with the method's own error and its facts.", () =>
    program(async (gateway) => {
      await expect(gateway.call("sessions.get", { key: "nowhere" })).rejects.toMatchObject({
        _tag: "SessionNotFound",
        sessionKey: "nowhere",
      })
    }),
  )

  it.live("Calls and loops reject if the gateway refuses the token.", () =>
    program(async (gateway) => {
      await expect(gateway.call("status", {})).rejects.toMatchObject({ _tag: "RpcClientError" })
      await expect(collect(gateway.reply("hello"))).rejects.toMatchObject({ _tag: "RpcClientError" })
    }, "not-the-token"),
  )

  it.live("You may leave out a payload without required fields.", () =>
    program(async (gateway) => {
      expect((await gateway.call("agents.list")).defaultId).toBe("main")
      // @ts-expect-error: this payload has a required field
      await expect(gateway.call("sessions.get")).rejects.toThrow(TypeError)
    }),
  )

  it.live("Every rejection has a message that people can read.", () =>
    program(async (gateway) => {
      const missing = await gateway.call("sessions.get", { key: "nowhere" }).catch((error: unknown) => error)
      expect(missing).toBeInstanceOf(SessionNotFound)
      expect(missing).toMatchObject({ message: 'Session not found (sessionKey: "nowhere")' })
      await expect(gateway.call("chat.send", { text: "" })).rejects.toThrow(
        /^the payload does not match the contract: .*text/s,
      )
      await expect(collect(gateway.reply("/fail now"))).rejects.toThrow(/^the run failed: .*asked to fail/)
      await expect(gateway.call("nothing" as "ping")).rejects.toThrow('unknown method "nothing"')
    }),
  )

  it.live("A signal cancels a call, also while it waits for a connection.", () =>
    program(async (gateway, proxy) => {
      const slow = gateway.call("chat.send", { text: "/slow 60000 one two", idempotencyKey: "slow" })
      await slow
      const signal = AbortSignal.timeout(50)
      const waiting = gateway.call("runs.wait", { runId: "slow", timeoutMs: 60_000 }, { signal })
      await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" })
      const nobody = connect({ url: `127.0.0.1:${proxy.port}`, token: "not-the-token-at-all" })
      await expect(nobody.call("ping", {}, { signal: AbortSignal.abort(new Error("no time")) })).rejects.toThrow(
        "no time",
      )
      await nobody.close()
    }),
  )

  it.live("`connect` accepts the address that the gateway prints and rejects texts that are not addresses.", () =>
    program(async (_, proxy) => {
      const gateway = connect({ url: `http://127.0.0.1:${proxy.port}`, token: TestGateway.TOKEN })
      expect((await gateway.call("ping")).at).toBeGreaterThan(0)
      await gateway.close()
      const nowhere = connect({ url: "not an address" })
      await expect(nowhere.call("ping")).rejects.toThrow("not an address is not the address of a gateway")
      await nowhere.close()
    }),
  )

  it.live("`close` rejects calls and loops in progress, and later ones.", () =>
    program(async (gateway) => {
      await gateway.call("chat.send", { text: "/slow 60000 one two", idempotencyKey: "slow" })
      const waiting = gateway.call("runs.wait", { runId: "slow", timeoutMs: 60_000 })
      let joined = () => {}
      const isJoined = new Promise<void>((resume) => (joined = resume))
      const listening = async () => {
        for await (const item of gateway.events()) if (item._tag === "CaughtUp") joined()
      }
      const ends = Promise.allSettled([waiting, listening()])
      await isJoined
      await gateway.close()
      for (const end of await ends) {
        expect(end).toMatchObject({ status: "rejected", reason: { message: "the client is closed" } })
      }
      await expect(gateway.call("ping")).rejects.toThrow("the client is closed")
      await expect(collect(gateway.reply("hello"))).rejects.toThrow("the client is closed")
    }),
  )

  it.live("`reply` iterates over the text of the reply.", () =>
    program(async (gateway) => {
      expect((await collect(gateway.reply("one two three"))).join("")).toBe("echo: one two three")
    }),
  )

  it.live("The loop of `reply` throws `RunNotDone` if the run fails.", () =>
    program(async (gateway) => {
      const pieces: Array<string> = []
      const loop = async () => {
        for await (const piece of gateway.reply("/fail now")) pieces.push(piece)
      }
      await expect(loop()).rejects.toMatchObject({ _tag: "RunNotDone", outcome: "failed" })
      expect(pieces.join("")).toBe("echo: now")
    }),
  )

  it.live("`chat` iterates over the events of a run once, also over a drop.", () =>
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

  it.live("The run continues after the program leaves the loop.", () =>
    program(async (gateway) => {
      for await (const item of gateway.chat({ text: "/slow 300 a b c", idempotencyKey: "left" })) {
        if (item._tag === "Event" && item.event._tag === "RunStarted") break
      }
      expect(await gateway.call("runs.wait", { runId: "left" })).toMatchObject({ state: "done", reply: "echo: a b c" })
    }),
  )

  it.live("`events` continues from a position that another program saw.", () =>
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

  it.live("`onState` reports every state until it is stopped.", () =>
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

  it.live("An error of the listener of `onState` ends nothing.", () =>
    program(async (gateway, proxy) => {
      const states: Array<ConnectionState["_tag"]> = []
      const connected = Promise.withResolvers<void>()
      const waiting = Promise.withResolvers<void>()
      gateway.onState(({ _tag }) => {
        states.push(_tag)
        if (_tag === "Waiting") waiting.resolve()
        if (_tag !== "Connected") return
        connected.resolve()
        throw new Error("a bug of the listener")
      })
      await connected.promise
      proxy.cut()
      await waiting.promise
      expect(states).toEqual(expect.arrayContaining(["Connected", "Waiting"]))
    }),
  )

  it.live("A closed client does not connect again.", () =>
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
