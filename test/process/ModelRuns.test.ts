/** The runtime `model` in a gateway process that is killed during a tool call, or reloads its providers and MCP servers. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import * as FakeProvider from "../support/FakeProvider.ts"
import { type GatewayProcess, start, temporaryFolder } from "../support/GatewayProcess.ts"
import { program } from "../support/McpServers.ts"
import { gone, isAlive } from "../support/ProcessGroups.ts"

const ORDER = "Order a pizza."

/** The agent `waiter` sends an order. In its first attempt it then calls a tool that hangs. */
const script = (fake: FakeProvider.FakeProvider) => {
  fake.script("cook", async (answer) => {
    await answer.text("One pizza.")
    return answer.end()
  })
  let attempts = 0
  fake.script("waiter", async (answer, { results }) => {
    if (results.length === 0) {
      attempts++
      await answer.tool(`order_${attempts}`, "sessions_send", JSON.stringify({ sessionKey: "kitchen", text: ORDER }))
      return answer.end("tools")
    }
    if (attempts === 1) {
      await answer.tool("hang", "desk_hang", "{}")
      return answer.end("tools")
    }
    await answer.text(...results)
    return answer.end()
  })
}

/** Runs the steps with a client of the gateway. */
const within = <A, E>({ token, url }: GatewayProcess, steps: Effect.Effect<A, E, GatewayClient>) =>
  Effect.flatMap(GatewayClient, ({ connected }) => Effect.andThen(connected, steps)).pipe(
    Effect.provide(GatewayClient.layer({ url: `${url.replace("http", "ws")}/rpc`, token })),
  )

/** Waits until the MCP server is there. The list of tools has no events, so this asks again. */
const desk = Effect.gen(function* () {
  const { calls } = yield* GatewayClient
  while (!(yield* calls["tools.list"]({})).tools.some(({ name }) => name === "desk_hang")) {
    yield* Effect.sleep("20 millis")
  }
})

/** Waits until the gateway has logged the text. */
const logged = ({ stderr }: GatewayProcess, text: string) =>
  Effect.repeat(Effect.sleep("10 millis"), { until: () => stderr().includes(text) })

describe("A gateway that gets SIGHUP", () => {
  it.live("It takes over a new provider and a new MCP server, and agents use both without a restart.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fake = yield* FakeProvider.make
      fake.script("clerk", async (answer, { results }) => {
        if (results.length > 0) await answer.text(...results)
        else await answer.tool("1", "desk_echo", '{"text":"hi"}')
        return answer.end(results.length > 0 ? undefined : "tools")
      })
      const config = join(folder, "causeway.yaml")
      writeFileSync(config, "{}")
      const gateway = yield* start({ stateDir: join(folder, "state"), args: ["--config", config] })
      const providers = { fake: { kind: "openai", baseUrl: fake.baseUrl.openai, models: ["clerk"] } }
      writeFileSync(config, JSON.stringify({ providers, mcp: { desk: program() } }))
      gateway.signal("SIGHUP")
      yield* logged(gateway, "the configuration was reloaded")
      expect(gateway.stderr()).not.toContain("the next start takes over")
      yield* within(
        gateway,
        Effect.gen(function* () {
          const { calls } = yield* GatewayClient
          yield* calls["agents.create"]({ name: "clerk", model: "fake/clerk" })
          yield* desk
          const { runId } = yield* calls["chat.send"]({ text: "go", agentId: "clerk", sessionKey: "s" })
          const run = yield* calls["runs.wait"]({ runId, timeoutMs: 30_000 })
          expect(run).toMatchObject({ state: "done", reply: '{"text":"hi"}' })
        }),
      )
    }),
  )
})

describe("A gateway that is killed during a tool call", () => {
  it.live("The run starts again, its message to another session is sent once, and no MCP server stays behind.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const children = join(folder, "children")
      const fake = yield* FakeProvider.make
      script(fake)
      const config = join(folder, "causeway.yaml")
      const providers = { fake: { kind: "openai", baseUrl: fake.baseUrl.openai, models: ["cook", "waiter"] } }
      const mcp = { desk: program({}, "--stubborn", "--children", children) }
      writeFileSync(config, JSON.stringify({ providers, mcp }))
      const gateway = start({ stateDir: join(folder, "state"), args: ["--config", config] })

      const first = yield* gateway
      yield* within(
        first,
        Effect.gen(function* () {
          const { calls } = yield* GatewayClient
          for (const name of ["cook", "waiter"]) yield* calls["agents.create"]({ name, model: `fake/${name}` })
          yield* calls["sessions.create"]({ key: "kitchen", agentId: "cook" })
          yield* desk
          const send = { text: "go", sessionKey: "hall", agentId: "waiter", idempotencyKey: "r" }
          yield* calls["chat.stream"](send).pipe(
            Stream.takeUntil(
              (item) => item._tag === "Event" && item.event._tag === "ToolStarted" && item.event.name === "desk_hang",
            ),
            Stream.runDrain,
          )
        }),
      )
      const [server = 0, child = 0] = readFileSync(children, "utf8").split(" ").map(Number)
      expect([server, child].map(isAlive)).toEqual([true, true])
      first.signal("SIGKILL")
      yield* first.exit
      yield* gone(-server)
      yield* gone(child)

      const second = yield* gateway
      yield* within(
        second,
        Effect.gen(function* () {
          const { calls } = yield* GatewayClient
          const run = yield* calls["runs.wait"]({ runId: "r", timeoutMs: 30_000 })
          expect(run).toMatchObject({ state: "done", attempt: 2 })
          expect(JSON.parse(run.reply ?? "")).toEqual({ state: "done", reply: "One pizza." })
          const { messages } = yield* calls["sessions.history"]({ key: "kitchen" })
          expect(messages.map(({ text }) => text)).toEqual([ORDER, "One pizza."])
        }),
      )
    }),
  )
})
