/** The commands that look after a gateway, by the real binary against a real gateway. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { GatewayClient } from "../../src/client.ts"
import { enterAs, fromAway, TestDevice } from "../support/OpenClawClient.ts"
import { TestGateway } from "../support/TestGateway.ts"
import { type Exit, type GatewayProcess, run, start } from "../support/GatewayProcess.ts"

/** What a program reads of a command that did what it was asked. */
const json = (exit: Exit): unknown => {
  expect(exit).toMatchObject({ code: 0, stderr: "" })
  return JSON.parse(exit.stdout)
}

/** One line for people, and no stack. */
const refusal = ({ code, stderr, stdout }: Exit) => {
  expect(stdout).toBe("")
  expect(stderr).toMatch(/^causeway: .+\n$/)
  return { code, line: stderr.trimEnd() }
}

/** A command for the files of this machine's gateway, not for its port. */
const local = ({ stateDir }: GatewayProcess, args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  run([...args, "--state-dir", stateDir], { env })

const withGateway = (use: (gateway: GatewayProcess) => Effect.Effect<void, never, Scope.Scope>) =>
  Effect.flatMap(start(), use)

describe("causeway sessions", () => {
  it.live("lists, shows, empties and removes conversations", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli }) {
        yield* cli("send", "--session", "work", "hello")
        const page = yield* cli("sessions", "list")
        expect(page.stdout).toMatch(/^KEY +AGENT .*\nwork +main +idle +2 .*echo: hello\n$/)
        expect(json(yield* cli("sessions", "list", "--json"))).toMatchObject({ total: 1, sessions: [{ key: "work" }] })

        const history = yield* cli("sessions", "history", "work")
        expect(history.stdout).toMatch(/user {2}#\d+\nhello\n\n.*assistant {2}#\d+\necho: hello\n$/)

        expect(json(yield* cli("sessions", "reset", "work", "--yes", "--json"))).toEqual({ removedMessages: 2 })
        expect(json(yield* cli("sessions", "history", "work", "--json"))).toEqual({ messages: [], nextBefore: null })

        expect((yield* cli("sessions", "delete", "work", "--yes")).code).toBe(0)
        expect(refusal(yield* cli("sessions", "history", "work"))).toMatchObject({
          code: 1,
          line: expect.stringContaining("no session work"),
        })
      }),
    ),
  )

  it.live("follow the pages of long lists and transcripts as far as they are asked to", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli, token, url }) {
        const lines = Array.from({ length: 450 }, (_, i) => `line ${i}`)
        const inject = Effect.gen(function* () {
          const { calls, connected } = yield* GatewayClient
          yield* connected
          yield* Effect.forEach(lines, (text) => calls["chat.inject"]({ sessionKey: "long", text }))
        })
        yield* inject.pipe(Effect.provide(GatewayClient.layer({ url: `${url}/rpc`, token })), Effect.orDie)
        const all = json(yield* cli("sessions", "history", "long", "--limit", "1000", "--json"))
        expect(all).toMatchObject({ nextBefore: null })
        expect((all as { messages: ReadonlyArray<{ text: string }> }).messages.map(({ text }) => text)).toEqual(lines)

        const last = json(yield* cli("sessions", "history", "long", "--limit", "201", "--json"))
        const { messages, nextBefore } = last as { messages: ReadonlyArray<{ id: number }>; nextBefore: number }
        expect(messages).toHaveLength(201)
        expect(nextBefore).toBe(messages[0]?.id)
        const before = json(yield* cli("sessions", "history", "long", "--before", String(nextBefore), "--json"))
        expect((before as { messages: ReadonlyArray<{ id: number }> }).messages.at(-1)?.id).toBeLessThan(nextBefore)
      }),
    ),
  )

  it.live("are not removed by accident: where nobody can be asked, it takes --yes", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli }) {
        yield* cli("send", "--session", "work", "hello")
        for (const verb of ["reset", "delete"]) {
          const { code, line } = refusal(yield* cli("sessions", verb, "work"))
          expect(code).toBe(2)
          expect(line).toMatch(/2 messages.*--yes/)
        }
        expect(json(yield* cli("sessions", "list", "--json"))).toMatchObject({ sessions: [{ messageCount: 2 }] })
      }),
    ),
  )
})

describe("causeway agents and bindings", () => {
  it.live("make an agent, let it answer, and take both back", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli }) {
        const luna = json(yield* cli("agents", "create", "Luna", "--personality", "You sing.", "--json"))
        expect(luna).toMatchObject({ id: "luna", name: "Luna", personality: "You sing." })
        expect(json(yield* cli("agents", "update", "luna", "--dm-scope", "main", "--json"))).toMatchObject({
          id: "luna",
          dmScope: "main",
          personality: "You sing.",
        })
        expect((yield* cli("agents", "list")).stdout).toMatch(/^luna +Luna .* You sing\.$/m)

        yield* cli("bindings", "set", "luna", "--channel", "telegram", "--priority", "3")
        yield* cli("bindings", "set", "luna", "--peer", "telegram:42")
        expect((yield* cli("bindings", "list")).stdout).toMatch(
          /^TIER .*\n1 +peer_id telegram:42 +luna +0\n4 +channel telegram +luna +3\n$/,
        )
        expect(json(yield* cli("bindings", "remove", "luna", "--peer", "telegram:42", "--yes", "--json"))).toEqual({
          removed: true,
        })
        expect(refusal(yield* cli("bindings", "remove", "luna", "--peer", "telegram:42", "--yes"))).toMatchObject({
          code: 1,
          line: expect.stringContaining("no binding of peer_id telegram:42 to luna"),
        })
        expect(json(yield* cli("agents", "delete", "luna", "--yes", "--json"))).toEqual({ removedBindings: 1 })
      }),
    ),
  )

  it.live("say in a line what cannot be done", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli }) {
        expect(refusal(yield* cli("agents", "delete", "main", "--yes")).line).toContain("cannot be deleted")
        expect(refusal(yield* cli("agents", "create", "Main")).line).toContain("is an agent main already")
        expect(refusal(yield* cli("agents", "create", ""))).toMatchObject({ code: 2 })
        expect(refusal(yield* cli("bindings", "set", "nobody"))).toMatchObject({ code: 1 })
        expect(refusal(yield* cli("bindings", "set", "main", "--peer", "1", "--guild", "2"))).toMatchObject({ code: 2 })
      }),
    ),
  )
})

describe("causeway memory", () => {
  it.live("writes a document from standard input and reads it back as it is", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli, fed }) {
        const text = "# Plans\n\n- none\n"
        yield* fed(text, "memory", "write", "plans", "-")
        expect((yield* cli("memory", "read", "plans")).stdout).toBe(text)
        expect(json(yield* cli("memory", "list", "--json"))).toMatchObject({ documents: [{ id: "plans", size: 16 }] })
        expect(refusal(yield* cli("memory", "write", "plans", "x", "--create")).line).toContain(
          "a document plans already",
        )
        expect(refusal(yield* cli("memory", "read", "../token")).code).toBe(2)
      }),
    ),
  )
})

describe("causeway connections", () => {
  it.live("shows who is connected and closes a connection, whose client is told why", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli, open }) {
        const tail = yield* open("tail", "--json")
        yield* tail.prints("CaughtUp")
        const { connections } = json(yield* cli("connections", "list", "--json")) as {
          connections: ReadonlyArray<{ id: string; dialect: string; callsInFlight: number }>
        }
        expect(connections).toHaveLength(2)
        const [{ id } = { id: "" }] = connections
        expect((yield* cli("connections", "close", id, "--reason", "maintenance")).code).toBe(0)
        yield* tail.prints(/"Joined".*\n[^]*"Joined"/)
        expect(refusal(yield* cli("connections", "close", id)).line).toContain(`no connection ${id}`)
      }),
    ),
  )
})

describe("causeway devices", () => {
  /** The command line, and a device that asks from another machine; returns the id of its request. */
  const withDevices = (
    use: (
      cli: GatewayProcess["cli"],
      knock: (device: TestDevice, scopes?: ReadonlyArray<string>) => Effect.Effect<string, never, Scope.Scope>,
    ) => Effect.Effect<void, never, Scope.Scope>,
  ) =>
    withGateway(({ cli, ...gateway }) => {
      const place = { ...gateway, wsUrl: gateway.url.replace("http", "ws") }
      return use(
        cli,
        Effect.fnUntraced(function* (device, scopes = ["operator.read"]) {
          const { answer } = yield* Effect.provideService(enterAs(device, { scopes }, fromAway), TestGateway, place)
          return answer.error!.details.requestId as string
        }),
      )
    })

  it.live("The list shows what a device asks for, and approval grants exactly that.", () =>
    withDevices(
      Effect.fnUntraced(function* (cli, knock) {
        const phone = new TestDevice()
        const seen = yield* knock(phone)
        expect((yield* cli("devices", "list")).stdout).toMatch(
          new RegExp(`REASON +ASKS FOR +KEY FINGERPRINT\n${seen} .* not-paired +operator operator.read +${phone.id}\n`),
        )
        const wider = yield* knock(phone, ["operator.read", "operator.write"])
        expect(refusal(yield* cli("devices", "approve", seen)).line).toContain(
          `asks for something else, under ${wider}`,
        )
        expect(refusal(yield* cli("devices", "approve", wider, "--scope", "operator.read")).line).toContain(
          "asks for operator.read, operator.write, not for operator.read: nothing was granted",
        )
        expect((yield* cli("devices", "approve", wider)).stdout).toBe(
          `The device ${phone.id} may now come in as operator with operator.read, operator.write.\n`,
        )
      }),
    ),
  )

  it.live("A device that is turned away waits no more.", () =>
    withDevices(
      Effect.fnUntraced(function* (cli, knock) {
        const stranger = new TestDevice()
        expect(json(yield* cli("devices", "reject", yield* knock(stranger), "--json"))).toEqual({
          deviceId: stranger.id,
        })
        expect((yield* cli("devices", "list")).stdout).toBe("No devices.\n")
      }),
    ),
  )

  it.live("A paired device is listed, and forgotten when somebody means it.", () =>
    withDevices(
      Effect.fnUntraced(function* (cli, knock) {
        const phone = new TestDevice()
        yield* cli("devices", "approve", yield* knock(phone))
        expect((yield* cli("devices", "list")).stdout).toMatch(new RegExp(`^PAIRED.*\n${phone.id} .*operator`))
        expect(refusal(yield* cli("devices", "remove", phone.id))).toMatchObject({ code: 2 })
        expect((yield* cli("devices", "remove", phone.id, "--yes")).code).toBe(0)
        expect(refusal(yield* cli("devices", "remove", phone.id, "--yes")).line).toContain(`no device ${phone.id}`)
      }),
    ),
  )
})

describe("causeway call", () => {
  it.live("calls any method and writes its answer, or the values that it streams, as JSON", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli, fed }) {
        expect(json(yield* cli("call", "agents.list"))).toMatchObject({ defaultId: "main" })
        expect(json(yield* fed('{"key":"s"}', "call", "sessions.create", "-"))).toMatchObject({ key: "s" })
        const { stdout } = yield* cli("call", "chat.stream", '{"text":"hello"}')
        const items = stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as { _tag: string })
        expect(items[0]).toMatchObject({ _tag: "Accepted" })
        expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded" } })
      }),
    ),
  )

  it.live("names what is near a method that does not exist, and what a method does not take", () =>
    withGateway(
      Effect.fnUntraced(function* ({ cli }) {
        const unknown = refusal(yield* cli("call", "sesions.list"))
        expect(unknown.code).toBe(2)
        expect(unknown.line).toMatch(/no method sesions\.list.*sessions\.list/)
        expect(refusal(yield* cli("call", "sessions.get", '{"key":5}'))).toEqual({
          code: 2,
          line: "causeway: sessions.get does not take that: key: expected string",
        })
        expect(refusal(yield* cli("call", "sessions.get", "{key:5}"))).toMatchObject({ code: 2 })
        expect(refusal(yield* cli("call", "sessions.get", '{"key":"nowhere"}'))).toMatchObject({ code: 1 })
      }),
    ),
  )
})

describe("causeway token", () => {
  it.live("shows the token and nothing else", () =>
    withGateway(
      Effect.fnUntraced(function* (gateway) {
        const shown = yield* local(gateway, ["token", "show"])
        expect(shown).toMatchObject({ code: 0, stdout: `${gateway.token}\n`, stderr: "" })
      }),
    ),
  )

  it.live("rotates it for a gateway that runs: the old one is refused at once and what came in by it is closed", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ env: { GATEWAY_MONITOR_INTERVAL_MS: "50" } })
      const old = ["--url", gateway.url, "--token", gateway.token]
      const tail = yield* gateway.open("tail", "--json")
      yield* tail.prints("CaughtUp")
      expect(refusal(yield* local(gateway, ["token", "rotate"]))).toMatchObject({ code: 2 })
      expect((yield* local(gateway, ["token", "rotate", "--yes"])).code).toBe(0)
      // its connection is closed, and its token is worth nothing when it comes back
      expect(yield* tail.exit).toMatchObject({ code: 77 })
      const refused = yield* run(["status", ...old])
      expect(refused.code).toBe(77)
      expect(yield* gateway.cli("send", "hello")).toMatchObject({ code: 0, stdout: "echo: hello\n" })
      expect(gateway.stderr()).not.toContain((yield* local(gateway, ["token", "show"])).stdout.trim())
    }),
  )

  it.live("does not rotate what the configuration sets, and says where to change it", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const env = { GATEWAY_TOKEN: "configured" }
      const { line } = refusal(yield* local(gateway, ["token", "rotate", "--yes"], env))
      expect(line).toContain("GATEWAY_TOKEN")
      expect((yield* local(gateway, ["token", "show"], env)).stdout).toBe("configured\n")
    }),
  )
})
