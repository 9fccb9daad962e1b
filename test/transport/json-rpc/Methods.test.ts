/** Methods: the methods of the JSON-RPC dialect, and the contract's methods beside them. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GatewayRpcs } from "../../../src/domain/GatewayRpcs.ts"
import { methods } from "../../../src/transport/json-rpc/Methods.ts"
import { open } from "../../support/JsonRpcClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const gateway = TestGateway.layer()

describe("send", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("`send` returns the agent, the session and the reply.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        expect(yield* client.call("send", { text: "hello" })).toEqual({
          jsonrpc: "2.0",
          id: 1,
          result: { agent_id: "main", session_key: "agent:main:direct:ws-client", reply: "echo: hello" },
        })
      }),
    )

    it.effect("`send` selects the agent and the session by channel, peer and bindings.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        yield* client.call("agents.register", { id: "luna", name: "Luna", dm_scope: "per-channel-peer" })
        const binding = { agent_id: "luna", match_key: "channel", match_value: "telegram" }
        yield* client.call("bindings.set", binding)
        const { result } = yield* client.call("send", { text: "hi", channel: "telegram", peer_id: "42" })
        expect(result).toMatchObject({ agent_id: "luna", session_key: "agent:luna:telegram:direct:42" })
      }),
    )

    it.effect("`send` with an agent ignores the bindings.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        yield* client.call("agents.register", { id: "sol", name: "Sol" })
        const { result } = yield* client.call("send", { text: "hi", agent_id: "Sol", channel: "telegram" })
        expect(result).toMatchObject({ agent_id: "sol", session_key: "agent:sol:direct:ws-client" })
      }),
    )

    it.effect("`send` with an empty peer or channel has no peer or channel.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const nobody = yield* client.call("send", { text: "hi", channel: "slack", peer_id: "" })
        expect(nobody.result).toMatchObject({ agent_id: "main", session_key: "agent:main:main" })
        yield* client.call("agents.register", { id: "ada", name: "Ada", dm_scope: "per-channel-peer" })
        yield* client.call("bindings.set", { agent_id: "ada", match_key: "channel", match_value: "websocket" })
        const binding = { agent_id: "ada", match_key: "channel", match_value: "websocket" }
        const absent = yield* client.call("send", { text: "hi", peer_id: "p" })
        expect(absent.result).toMatchObject({ session_key: "agent:ada:websocket:direct:p" })
        const empty = yield* client.call("send", { text: "hi", peer_id: "p", channel: "" })
        expect(empty.result).toMatchObject({ session_key: "agent:main:direct:p" })
        const named = yield* client.call("send", { text: "hi", agent_id: "ada", peer_id: "p", channel: "" })
        expect(named.result).toMatchObject({ session_key: "agent:ada:unknown:direct:p" })
        const { result } = yield* client.call("sessions.get", { key: "agent:ada:unknown:direct:p" })
        expect(result.channel).toBeNull()
        yield* client.call("bindings.remove", binding)
      }),
    )

    it.effect("`send` accepts its text by position.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        expect((yield* client.call("send", ["hello"])).result).toMatchObject({ reply: "echo: hello" })
      }),
    )

    it.effect("`send` treats null and an empty agent as missing parameters.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const { result } = yield* client.call("send", { text: "hi", agent_id: "", channel: null, peer_id: null })
        expect(result).toMatchObject({ session_key: "agent:main:direct:ws-client" })
      }),
    )

    it.effect("`send` returns the error text as the reply if the run fails.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const { result } = yield* client.call("send", { text: "/fail now", peer_id: "failing" })
        expect(result).toMatchObject({ reply: "The echo was asked to fail." })
        // Clients of this protocol expect the count without the message of a failed run.
        expect((yield* client.call("sessions.list")).result).toMatchObject({ "agent:main:direct:failing": 0 })
        const history = yield* client.call("sessions.history", { key: "agent:main:direct:failing" })
        const failed = { reason: "runtime", message: "The echo was asked to fail." }
        expect(history.result.messages).toMatchObject([{ role: "user", text: "/fail now", failed }])
      }),
    )

    it.effect("The gateway answers commands: /stop ends the run in progress, and /new empties the session.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const running = client.send("send", { text: "/slow 60000 a b c", peer_id: "stopped" })
        expect(yield* client.notification()).toMatchObject({ method: "typing", params: { typing: true } })
        const stopped = yield* client.call("send", { text: "/stop", peer_id: "stopped" })
        expect(stopped.result).toMatchObject({ reply: "Stopped." })
        expect((yield* client.answerTo(running)).result).toMatchObject({ reply: "" })
        const status = yield* client.call("send", { text: "/status", peer_id: "stopped" })
        expect(status.result.reply).toContain("Session: agent:main:direct:stopped")
        const emptied = yield* client.call("send", { text: "/new", peer_id: "stopped" })
        expect(emptied.result.reply).toContain("new conversation")
        expect((yield* client.call("sessions.list")).result).toMatchObject({ "agent:main:direct:stopped": 0 })
      }),
    )

    it.effect("A call overtakes a `send` that waits, and two sends of one session run in order.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const first = client.send("send", { text: "/slow 200 one", peer_id: "busy" })
        const second = client.send("send", { text: "two", peer_id: "busy" })
        expect((yield* client.call("ping")).result).toHaveProperty("at")
        expect((yield* client.answerTo(second)).result.reply).toBe("echo: two")
        expect((yield* client.answerTo(first)).result.reply).toBe("echo: one")
        const { result } = yield* client.call("sessions.history", { key: "agent:main:direct:busy" })
        expect(result.messages.map(({ text }: { text: string }) => text)).toEqual([
          "/slow 200 one",
          "echo: one",
          "two",
          "echo: two",
        ])
      }),
    )
  })
})

describe("typing", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("All clients receive typing notifications before and after a run, even if it fails.", () =>
      Effect.gen(function* () {
        const [sender, other] = [yield* open(), yield* open()]
        // Both have subscribed before the run begins.
        yield* sender.call("ping")
        yield* other.call("ping")
        for (const text of ["hello", "/fail now"]) {
          yield* sender.call("send", { text })
          for (const client of [sender, other]) {
            for (const typing of [true, false]) {
              expect(yield* client.notification()).toEqual({ method: "typing", params: { agent_id: "main", typing } })
            }
          }
        }
      }),
    )
  })
})

describe("Methods: agents, bindings, sessions and status", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("`agents.register` creates an agent, and changes it if it exists.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const first = yield* client.call("agents.register", { id: "Luna", name: "Luna", personality: "Kind." })
        expect(first.result).toEqual({
          id: "luna",
          name: "Luna",
          model: "",
          dm_scope: "per-peer",
          personality: "Kind.",
        })
        const second = yield* client.call("agents.register", { id: "luna", name: "Luna II", dm_scope: "main" })
        expect(second.result).toMatchObject({ id: "luna", name: "Luna II", dm_scope: "main", personality: "Kind." })
        const { result } = yield* client.call("agents.list")
        expect(result).toEqual([
          { id: "main", name: "Main", model: "", dm_scope: "per-peer", personality: "" },
          second.result,
        ])
      }),
    )

    it.effect("The methods of bindings set, list in order of precedence and remove.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const byDefault = yield* client.call("bindings.set", { agent_id: "main" })
        expect(byDefault.result).toEqual({ ok: true, binding: "[default] default=* -> agent:main (pri=0)" })
        const peer = { agent_id: "main", tier: 1, match_key: "peer_id", match_value: "telegram:42", priority: 3 }
        const set = yield* client.call("bindings.set", peer)
        expect(set.result).toEqual({ ok: true, binding: "[peer] peer_id=telegram:42 -> agent:main (pri=3)" })
        expect((yield* client.call("bindings.list")).result).toEqual([
          peer,
          { agent_id: "main", tier: 5, match_key: "default", match_value: "*", priority: 0 },
        ])
        const named = { agent_id: "main", match_key: "peer_id", match_value: "telegram:42" }
        expect((yield* client.call("bindings.remove", named)).result).toEqual({ ok: true })
        expect((yield* client.call("bindings.remove", named)).result).toEqual({ ok: false })
      }),
    )

    it.effect("`sessions.list` counts the messages of every session, or of the sessions of one agent.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const ids = Array.from({ length: 450 }, (_, i) =>
          client.send("chat.inject", { sessionKey: `agent:main:direct:${i}`, text: "x" }),
        )
        yield* Effect.forEach(ids, (id) => client.answerTo(id), { discard: true })
        yield* client.call("chat.inject", { sessionKey: "__proto__", text: "x" })
        const { result: all } = yield* client.call("sessions.list")
        expect(Object.keys(all)).toHaveLength(451)
        expect(Object.hasOwn(all, "__proto__")).toBe(true)
        const { result: mains } = yield* client.call("sessions.list", { agent_id: "Main" })
        expect(Object.keys(mains)).toHaveLength(450)
        expect(mains["agent:main:direct:449"]).toBe(1)
        expect((yield* client.call("sessions.list", { agent_id: "nobody" })).result).toEqual({})
      }),
    )

    it.effect("`status` has the fields of both older gateways.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const { result } = yield* client.call("status")
        expect(result).toEqual({
          uptime: expect.any(Number),
          clients: expect.any(Number),
          agents: 2,
          running: true,
          uptime_seconds: result.uptime,
          connected_clients: result.clients,
          agent_count: 2,
          binding_count: expect.any(Number),
        })
        expect(Math.round(result.uptime * 10) / 10).toBe(result.uptime)
      }),
    )
  })
})

describe("rpc.discover", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("`rpc.discover` returns an OpenRPC document of every method without dangling references.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const { result } = yield* client.call("rpc.discover")
        expect(result).toMatchObject({ openrpc: "1.3.2", info: { title: "Causeway gateway" } })
        const names = result.methods.map(({ name }: { name: string }) => name)
        expect(new Set(names).size).toBe(names.length)
        const shown = new Set(names)
        for (const name of methods.keys()) {
          const plain = name.replace(/^gateway\./, "")
          expect(shown.has(methods.get(plain) === methods.get(name) ? plain : name), name).toBe(true)
        }
        const schemas = new Set(Object.keys(result.components.schemas).map((name) => `#/components/schemas/${name}`))
        for (const [, ref] of JSON.stringify(result).matchAll(/"\$ref":"([^"]*)"/g))
          expect(schemas.has(ref!), ref).toBe(true)
        for (const { name, params, result: answer, summary } of result.methods) {
          expect(summary, name).not.toBe("")
          expect(answer.schema, name).not.toEqual({})
          const required = params.map(({ required }: { required: boolean }) => required)
          expect(required, name).toEqual([...required].toSorted().toReversed())
        }
        const described = (wanted: string) => result.methods.find(({ name }: { name: string }) => name === wanted)
        expect(described("sessions.get")).toMatchObject({
          params: [{ name: "key", required: true, schema: { type: "string" } }],
          "x-scope": "operator.read",
        })
        expect(described("chat.stream")).toMatchObject({ result: { schema: { type: "null" } } })
        expect(described("gateway.agents.list")).toBeDefined()
      }),
    )
  })
})

describe("Methods of the contract", () => {
  const ownNames = ["send", "bindings.list", "bindings.set", "bindings.remove", "agents.list", "agents.register"]
  const taken = new Set([...ownNames, "sessions.list", "status", "rpc.discover"])

  it("Every method of the contract has its name with the prefix, and its own name if that is free.", () => {
    for (const name of GatewayRpcs.requests.keys()) {
      expect(methods.has(`gateway.${name}`)).toBe(true)
      expect(methods.get(name)).toBe(taken.has(name) ? methods.get(name) : methods.get(`gateway.${name}`))
      expect(methods.get(name) === methods.get(`gateway.${name}`)).toBe(!taken.has(name))
    }
  })

  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("A method with the prefix has the shapes of the contract.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        expect((yield* client.call("gateway.agents.list")).result).toMatchObject({ defaultId: "main" })
        expect((yield* client.call("gateway.sessions.list", { limit: 1 })).result).toHaveProperty("nextCursor")
        expect((yield* client.call("gateway.status")).result).toHaveProperty("position.epoch")
        expect((yield* client.call("gateway.bindings.list", [])).result).toHaveProperty("bindings")
      }),
    )
  })
})
