/** The promise client against this gateway. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect, type OpenClawGateway, type OpenClawOptions, type OpenClawState } from "../../src/openclaw-client.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** Runs a program without Effect: its client connects through a proxy that can cut connections. */
const program = (
  use: (gateway: OpenClawGateway, proxy: CuttingProxy.CuttingProxy) => Promise<void>,
  options: Partial<OpenClawOptions> = {},
) =>
  Effect.gen(function* () {
    const { port } = yield* TestGateway.TestGateway
    const proxy = yield* CuttingProxy.make(port)
    const gateway = yield* Effect.acquireRelease(
      Effect.sync(() =>
        connect({
          url: `127.0.0.1:${proxy.port}`,
          token: TestGateway.TOKEN,
          scopes: ["operator.read", "operator.write"],
          maxBackoff: 5,
          ...options,
        }),
      ),
      (gateway) => Effect.promise(() => gateway.close()),
    )
    yield* Effect.promise(() => use(gateway, proxy))
  }).pipe(Effect.scoped, Effect.provide(TestGateway.layer({ limits: { authFailureDelayMs: 0 } })))

describe("OpenClawGateway", () => {
  it.live("`call` resolves to a typed result and `request` to any payload.", () =>
    program(async (gateway) => {
      await gateway.connected()
      const { agents } = await gateway.call("agents.list")
      expect(agents.map(({ id }) => id)).toContain("main")
      expect(await gateway.request("ping")).toMatchObject({ ok: true })
      // @ts-expect-error: this method has a required parameter
      const wrong = gateway.call("agent.wait")
      await expect(wrong).rejects.toMatchObject({ _tag: "RequestRefused", code: "INVALID_REQUEST" })
    }),
  )

  it.live("Every rejection has a message that people can read.", () =>
    program(
      async (gateway) => {
        await expect(gateway.connected()).rejects.toThrow(/^the gateway refused the client: .*set the gateway's token/)
        await expect(gateway.request("health")).rejects.toThrow("health has no answer: the client is not connected")
      },
      { token: "not-the-token" },
    ),
  )

  it.live("`on` reports events, and an error of the listener ends nothing.", () =>
    program(async (gateway) => {
      await gateway.connected()
      const finals: Array<string> = []
      const second = new Promise<void>((resume) => {
        gateway.on("chat", ({ runId, state }) => {
          if (state !== "final") return
          finals.push(runId)
          if (finals.length === 1) throw new Error("a bug of the listener")
          resume()
        })
      })
      for (const idempotencyKey of ["a", "b"]) {
        await gateway.call("agent", { message: "hi", idempotencyKey }, { final: true })
      }
      await second
      expect(finals).toEqual(["a", "b"])
    }),
  )

  it.live("`events` begins again with `Joined` after a drop, and `onState` reports the drop.", () =>
    program(async (gateway, proxy) => {
      const states: Array<OpenClawState["_tag"]> = []
      const stop = gateway.onState(({ _tag }) => states.push(_tag))
      const resets: Array<unknown> = []
      for await (const item of gateway.events()) {
        if (item._tag !== "Joined") continue
        resets.push(item.reset)
        if (resets.length === 3) break
        proxy.cut()
      }
      stop()
      expect(resets).toEqual(["connected", null, null])
      expect(states).toEqual(expect.arrayContaining(["Connected", "Waiting", "Connecting"]))
    }),
  )

  it.live("A signal cancels a request, and `close` rejects those in progress and later ones.", () =>
    program(async (gateway) => {
      await gateway.connected()
      const params = { sessionKey: "main", message: "/slow 60000 one two", idempotencyKey: "slow" }
      await gateway.call("chat.send", params)
      const wait = { runId: "slow", timeoutMs: 60_000 }
      const signal = AbortSignal.timeout(50)
      await expect(gateway.call("agent.wait", wait, { signal })).rejects.toMatchObject({ name: "TimeoutError" })
      const waiting = gateway.call("agent.wait", wait)
      const looping = (async () => {
        for await (const item of gateway.events()) if (item._tag === "Joined") void gateway.close()
      })()
      await expect(waiting).rejects.toThrow("the client is closed")
      await expect(looping).rejects.toThrow("the client is closed")
      await expect(gateway.request("health")).rejects.toThrow("the client is closed")
    }),
  )

  it.live("A text that is no address rejects every call with the problem.", () =>
    program(
      async (gateway) => {
        await expect(gateway.request("health")).rejects.toThrow("is not the address of a gateway")
        await expect(gateway.connected()).rejects.toThrow("is not the address of a gateway")
      },
      { url: "not an address" },
    ),
  )
})
