/**
 * Methods: the answers of the methods, checked against the published schema, or against recorded answers of the reference
 * gateway for methods without a schema.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { COMMANDS } from "../../../../src/domain/ChatCommand.ts"
import { Agents } from "../../../../src/services/agents/Agents.ts"
import { Sessions } from "../../../../src/services/sessions/Sessions.ts"
import { methodNames, methods } from "../../../../src/transport/openclaw/methods/Methods.ts"
import { answer, answers, expectValid, layer } from "../../../support/OpenClaw.ts"

const KEY = "agent:main:main"

/** Sends a message and waits for the reply. */
const talk = (message: string, sessionKey = KEY) => answers("agent", { message, sessionKey, idempotencyKey: message })

describe("Methods", () => {
  it("The gateway has every method that clients need, and hello-ok lists all methods but five.", () => {
    const needed = readFileSync(new URL("needed-methods.txt", import.meta.url), "utf8")
      .trim()
      .split("\n")
    expect(needed.filter((method) => !methods.has(method))).toEqual([])
    expect([...methods.keys()].filter((method) => !methodNames.includes(method))).toEqual([
      "send",
      "system-event",
      "openclaw.approval.list",
      "exec.approvals.node.get",
      "exec.approvals.node.set",
    ])
  })

  it("Methods require the scopes of the published schema.", () => {
    const published = new URL("../protocol.schema.json", import.meta.resolve("@openclaw/gateway-protocol"))
    const schema: { readonly methods: Record<string, { readonly scope: string }> } = JSON.parse(
      readFileSync(published, "utf8"),
    )
    // The reference gateway also lets every connected client call `health`.
    const { health: _health, ...theirs } = schema.methods
    const differing = [...methods].flatMap(([name, method]) => {
      const scope = theirs[name]?.scope
      if (method._tag !== "Own" || scope === undefined || scope === "dynamic" || scope === method.scope) return []
      return [`${name}: ${method.scope}, there ${scope}`]
    })
    expect(differing).toEqual([])
    expect([...methods.keys()].filter((name) => name in theirs).length).toBeGreaterThan(50)
  })

  it.live("`health`, `status` and `system-presence` have the published forms.", () =>
    Effect.gen(function* () {
      yield* talk("hello")
      const health = yield* answer("health")
      expect(health).toMatchObject({ ok: true, channels: {}, channelOrder: [], defaultAgentId: "main" })
      expectValid("Snapshot", {
        presence: yield* answer("system-presence"),
        health,
        stateVersion: { presence: 0, health: 0 },
        uptimeMs: 1,
      })
      expect(yield* answer("status")).toMatchObject({
        runtimeVersion: expect.any(String),
        heartbeat: { defaultAgentId: "main", agents: [{ agentId: "main", enabled: false }] },
        sessions: { count: 1, recent: [{ key: KEY, agentId: "main" }], byAgent: [{ agentId: "main", count: 1 }] },
      })
      expect(yield* answer("ping")).toMatchObject({ ok: true })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Without a scope, `health` has no agents and no sessions.", () =>
    Effect.gen(function* () {
      yield* talk("secret")
      const nobody = { id: "n", kind: "token", role: "operator", scopes: [] } as const
      expect(yield* answer("health", {}, nobody)).toMatchObject({
        ok: true,
        agents: [],
        sessions: { count: 0, recent: [] },
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Agents can be listed, created, updated, deleted and described.", () =>
    Effect.gen(function* () {
      expectValid("AgentsListResult", yield* answer("agents.list"))
      const made = yield* answer("agents.create", {
        name: "Luna",
        workspace: "/tmp/luna",
        model: "echo/echo",
      })
      expectValid("AgentsCreateResult", made)
      expect(made).toMatchObject({ agentId: "luna", name: "Luna", model: "echo/echo" })
      expectValid("AgentsUpdateResult", yield* answer("agents.update", { agentId: "luna", name: "Moon", model: null }))
      const identity = yield* answer("agent.identity.get", { agentId: "luna" })
      expectValid("AgentIdentityResult", identity)
      expect(identity).toMatchObject({ agentId: "luna", name: "Moon", avatar: "M" })
      expectValid("AgentIdentityResult", yield* answer("agent.identity.get"))
      const agents = yield* answer("agents.list")
      expectValid("AgentsListResult", agents)
      expect(agents).toMatchObject({
        defaultId: "main",
        mainKey: "main",
        agents: [
          { id: "main", model: { primary: "echo/echo" } },
          { id: "luna", name: "Moon" },
        ],
      })
      expectValid("AgentsDeleteResult", yield* answer("agents.delete", { agentId: "luna" }))
    }).pipe(Effect.provide(layer())),
  )

  it.live("The thinking level of a message applies to its session, and a patch changes or removes it.", () =>
    Effect.gen(function* () {
      const levelOf = (key: string) =>
        Effect.map(answer("sessions.describe", { key }), ({ session }: any) => session.thinkingLevel)
      const send = { sessionKey: KEY, message: "hi", thinking: "low", idempotencyKey: "a" }
      expect(yield* answer("chat.send", send)).toMatchObject({ runId: "a", status: "started" })
      expect(yield* levelOf(KEY)).toBe("low")
      yield* answers("agent", { message: "more", sessionKey: KEY, thinking: "high", idempotencyKey: "b" })
      expect(yield* levelOf(KEY)).toBe("high")
      yield* answer("sessions.send", { key: KEY, message: "same", thinking: "", idempotencyKey: "c" })
      expect(yield* levelOf(KEY)).toBe("high")
      yield* answer("sessions.patch", { key: KEY, thinkingLevel: "minimal" })
      expect(yield* levelOf(KEY)).toBe("minimal")
      yield* answer("sessions.patch", { key: KEY, thinkingLevel: null })
      expect(yield* levelOf(KEY)).toBeUndefined()
      expect(yield* answer("sessions.create", { key: "new", thinkingLevel: "off" })).toMatchObject({
        entry: { thinkingLevel: "off" },
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Models are listed as available.", () =>
    Effect.gen(function* () {
      const models = yield* answer("models.list", { view: "configured" })
      expectValid("ModelsListResult", models)
      expect(models).toMatchObject({ models: [{ id: "echo", provider: "echo", available: true }] })
      expect(yield* answer("models.authStatus")).toMatchObject({
        ts: expect.any(Number),
        providers: [{ provider: "echo", status: "static" }],
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("`agent` answers twice: when the run is accepted and when it has ended.", () =>
    Effect.gen(function* () {
      const [first, second] = yield* answers("agent", { message: "hi", agentId: "main", idempotencyKey: "k1" })
      expect(first).toMatchObject({ runId: "k1", sessionKey: KEY, agentId: "main", status: "accepted" })
      expect(second).toMatchObject({
        runId: "k1",
        status: "ok",
        summary: "completed",
        result: {
          payloads: [{ text: "echo: hi", mediaUrl: null }],
          meta: { agentMeta: { provider: "echo", model: "echo" }, aborted: false },
        },
      })
      expect(yield* answer("agent.wait", { runId: "k1" })).toMatchObject({
        runId: "k1",
        status: "ok",
        stopReason: "stop",
        terminalReply: { disposition: "visible", text: "echo: hi" },
      })
      expect(yield* Effect.flip(answer("agent.wait", { runId: "nobody" }))).toMatchObject({
        _tag: "Domain",
        error: { _tag: "RunNotFound" },
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("`chat.send` starts a run under its key, and a repeated send starts no second run.", () =>
    Effect.gen(function* () {
      const send = { sessionKey: "main", message: "hi", idempotencyKey: "k1" }
      expect(yield* answer("chat.send", send)).toEqual({ runId: "k1", status: "started" })
      yield* answer("agent.wait", { runId: "k1" })
      expect(yield* answer("chat.send", send)).toEqual({ runId: "k1", status: "ok" })
      expect(yield* answer("chat.history", { sessionKey: "main" })).toMatchObject({ totalMessages: 2 })
    }).pipe(Effect.provide(layer())),
  )

  it.live(
    "`chat.history` returns a page of the transcript, the session and its defaults, under the key of the client.",
    () =>
      Effect.gen(function* () {
        const empty = yield* answer("chat.history", { sessionKey: "main" })
        expect(empty).toMatchObject({ sessionKey: "main", messages: [], hasMore: false, totalMessages: 0 })
        expectValid("SessionRow", empty["sessionInfo"])
        for (const message of ["one", "two", "three"]) yield* talk(message)
        const history = yield* answer("chat.history", { sessionKey: "main" })
        expectValid("SessionRow", history["sessionInfo"])
        expect(history).toMatchObject({
          sessionKey: "main",
          sessionId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/),
          totalMessages: 6,
          hasMore: false,
          pendingInputs: { items: [], total: 0 },
          defaults: { modelProvider: "echo", model: "echo" },
        })
        expect(history["messages"]).toMatchObject([
          { role: "user", content: "one", idempotencyKey: "one:user", __openclaw: { runId: "one" } },
          { role: "assistant", content: [{ type: "text", text: "echo: one" }], stopReason: "stop" },
          { role: "user", content: "two" },
          { role: "assistant" },
          { role: "user", content: "three" },
          { role: "assistant", content: [{ type: "text", text: "echo: three" }] },
        ])
        const last = yield* answer("chat.history", { sessionKey: KEY, limit: 2 })
        expect(last).toMatchObject({ hasMore: true, nextOffset: 2, messages: [{ content: "three" }, {}] })
        const before = yield* answer("chat.history", { sessionKey: KEY, limit: 3, offset: 2 })
        expect(before).toMatchObject({ nextOffset: 5, messages: [{}, { content: "two" }, {}] })
        expect(yield* answer("chat.history", { sessionKey: KEY, limit: 6, maxBytes: 1 })).toMatchObject({
          hasMore: true,
          nextOffset: 1,
          messages: [{ content: [{ text: "echo: three" }] }],
        })
        expect(yield* answer("chat.history", { sessionKey: KEY, limit: 1, maxChars: 4 })).toMatchObject({
          messages: [{ content: [{ text: "echo…" }] }],
        })
        expectValid("ChatHistoryCursorResult", yield* answer("chat.history", { sessionKey: KEY, cursor: "foreign" }))
        expect(yield* answer("chat.startup", { sessionKey: KEY, limit: 80, maxBytes: 262_144 })).toMatchObject({
          totalMessages: 6,
        })
      }).pipe(Effect.provide(layer())),
  )

  it.live("`chat.metadata`, `chat.inject` and `chat.abort` have the published forms.", () =>
    Effect.gen(function* () {
      expect(yield* answer("chat.metadata", { sessionKey: KEY })).toMatchObject({
        models: [{ id: "echo" }],
        commands: COMMANDS.map(({ name }) => ({ name })),
      })
      expect(yield* answer("chat.inject", { sessionKey: "main", message: "note", label: "L" })).toMatchObject({
        ok: true,
        messageId: expect.any(String),
      })
      expect(yield* answer("chat.history", { sessionKey: "main" })).toMatchObject({
        messages: [{ role: "assistant", content: [{ text: "[L]\n\nnote" }] }],
      })
      expect(yield* answer("chat.abort", { sessionKey: "main" })).toEqual({ ok: true, aborted: false, runIds: [] })
      expect(yield* answer("sessions.abort", { runId: "nobody" })).toEqual({
        ok: true,
        abortedRunId: null,
        status: "no-active-run",
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Sessions can be listed, described, resolved and previewed.", () =>
    Effect.gen(function* () {
      yield* talk("one")
      yield* talk("two", "work")
      const list = yield* answer("sessions.list", { limit: 200, includeLastMessage: true })
      expect(list).toMatchObject({ count: 2, totalCount: 2, limitApplied: 200, nextOffset: null, hasMore: false })
      for (const row of list["sessions"] as ReadonlyArray<unknown>) expectValid("SessionRow", row)
      expect(list["sessions"]).toMatchObject([
        { key: "work", agentId: "main", isMain: false, model: "echo", modelProvider: "echo" },
        {
          key: KEY,
          isMain: true,
          status: "done",
          hasActiveRun: false,
          activeRunIds: [],
          lastMessagePreview: "echo: one",
        },
      ])
      const page = yield* answer("sessions.list", { limit: 1 })
      expect(page).toMatchObject({ count: 1, nextOffset: 1, hasMore: true, sessions: [{ key: "work" }] })
      expect(yield* answer("sessions.list", { limit: 1, offset: 1 })).toMatchObject({
        nextOffset: null,
        sessions: [{ key: KEY }],
      })
      expect(yield* answer("sessions.list", { spawnedBy: KEY, limit: 10_000 })).toMatchObject({
        count: 0,
        sessions: [],
      })
      expect(yield* answer("sessions.list", { activeMinutes: 5, agentId: "main" })).toMatchObject({ count: 2 })
      const described = yield* answer("sessions.describe", { key: "main" })
      expectValid("SessionRow", described["session"])
      expect(yield* answer("sessions.describe", { key: "nobody" })).toEqual({ session: null })
      const resolved = yield* answer("sessions.resolve", { key: "main" })
      expectValid("SessionsResolveResult", resolved)
      expect(resolved).toMatchObject({ ok: true, key: KEY, agentId: "main" })
      const { sessionId } = Object(described["session"])
      expect(yield* answer("sessions.resolve", { sessionId })).toMatchObject({ key: KEY })
      expectValid("SessionsResolveResult", yield* answer("sessions.resolve", { key: "nobody", allowMissing: true }))
      expect(yield* answer("sessions.preview", { keys: ["work", "nobody"], limit: 2, maxChars: 4 })).toMatchObject({
        ts: expect.any(Number),
        previews: [
          {
            key: "work",
            status: "ok",
            items: [
              { role: "user", text: "two" },
              { role: "assistant", text: "echo" },
            ],
          },
          { key: "nobody", status: "missing", items: [] },
        ],
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Sessions can be created, patched, reset, deleted and sent to.", () =>
    Effect.gen(function* () {
      const created = yield* answer("sessions.create", { label: "two", agentId: "main" })
      expectValid("SessionsCreateResult", created)
      expect(created).toMatchObject({ ok: true, runStarted: false, entry: { label: "two" } })
      const again = yield* answer("sessions.create", { key: created["key"] })
      expect(again).toMatchObject({ ok: true, key: created["key"] })
      const begun = yield* answer("sessions.create", { key: "k", message: "hi", idempotencyKey: "r1" })
      expectValid("SessionsCreateResult", begun)
      expect(begun).toMatchObject({ runStarted: true, runId: "r1" })
      expect(yield* answer("sessions.patch", { key: "main", label: "renamed", model: "echo/echo" })).toMatchObject({
        ok: true,
        key: KEY,
        entry: { label: "renamed", modelOverride: "echo" },
        resolved: { modelProvider: "echo", model: "echo" },
      })
      expect(yield* answer("sessions.resolve", { label: "renamed" })).toMatchObject({ ok: true, key: KEY })
      expect(yield* answer("sessions.patch", { key: "main", label: null, model: null, unread: false })).toMatchObject({
        entry: { sessionId: expect.any(String) },
      })
      expect(yield* answer("sessions.send", { key: "main", message: "hi", idempotencyKey: "r2" })).toEqual({
        runId: "r2",
        status: "started",
      })
      yield* answer("agent.wait", { runId: "r2" })
      expect(yield* answer("sessions.reset", { key: "main", reason: "new" })).toMatchObject({ ok: true, key: KEY })
      expect(yield* answer("chat.history", { sessionKey: "main" })).toMatchObject({ messages: [], totalMessages: 0 })
      expect(yield* answer("sessions.reset", { key: "nobody" })).toMatchObject({ ok: true, key: "nobody" })
      const deleted = yield* answer("sessions.delete", { key: "main" })
      expectValid("SessionsDeleteResult", deleted)
      expect(deleted).toMatchObject({ deleted: true })
      expectValid("SessionsDeleteResult", yield* answer("sessions.delete", { key: "nobody" }))
    }).pipe(Effect.provide(layer())),
  )

  it.live("Subscriptions return their keys.", () =>
    Effect.gen(function* () {
      expect(yield* answer("sessions.subscribe")).toEqual({ subscribed: true })
      expect(yield* answer("sessions.subscribe", { limit: 5 })).toMatchObject({
        list: { limitApplied: 5, sessions: [] },
      })
      expect(yield* answer("sessions.messages.subscribe", { key: "main" })).toEqual({ subscribed: true, key: KEY })
      const replay = yield* answer("sessions.messages.subscribe", { key: KEY, includeApprovals: true })
      expectValid("SessionApprovalReplay", replay["approvalReplay"])
      expect(yield* answer("sessions.messages.unsubscribe", { key: "main" })).toEqual({ subscribed: false, key: KEY })
      expect(yield* answer("sessions.unsubscribe")).toEqual({ subscribed: false })
    }).pipe(Effect.provide(layer())),
  )

  it.live("`config.get` returns the configuration without its secrets.", () =>
    Effect.gen(function* () {
      const config = yield* answer("config.get")
      expect(config).toMatchObject({
        exists: true,
        valid: true,
        issues: [],
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      })
      expect(config["config"]).toMatchObject({ gateway: { host: "127.0.0.1" }, agents: { entries: { main: {} } } })
      expect(JSON.stringify(config)).not.toMatch(/token-of-the-tests|password-of-the-tests/)
    }).pipe(Effect.provide(layer({ password: "password-of-the-tests" }))),
  )

  it.live("`gateway.identity.get` returns the gateway's public key.", () =>
    Effect.gen(function* () {
      const { deviceId, publicKey } = yield* answer("gateway.identity.get")
      expect(deviceId).toMatch(/^[0-9a-f]{64}$/)
      expect(publicKey).toMatch(/^[\w-]{43}$/)
    }).pipe(Effect.provide(layer())),
  )

  it.live("`logs.tail` returns lines from a cursor on.", () =>
    Effect.gen(function* () {
      yield* Effect.logError("something is wrong")
      const tail = yield* answer("logs.tail", { limit: 10 })
      expectValid("LogsTailResult", tail)
      expect(yield* answer("logs.tail", { cursor: tail["cursor"] })).toMatchObject({ lines: [], reset: false })
      const reset = yield* answer("logs.tail", { cursor: 1_000_000 })
      expectValid("LogsTailResult", reset)
      expect(reset).toMatchObject({ reset: true })
    }).pipe(Effect.provide(layer())),
  )

  it.live("The tools of an agent and of a session have the published forms.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      yield* agents.update("main", { tools: { "sessions_*": "deny" } })
      yield* talk("hello")
      const catalog = yield* answer("tools.catalog")
      expectValid("ToolsCatalogResult", catalog)
      expect(catalog["groups"]).toMatchObject([{ id: "gateway", source: "core" }])
      const effective = yield* answer("tools.effective", { sessionKey: "main" })
      expectValid("ToolsEffectiveResult", effective)
      expect(effective).toMatchObject({ agentId: "main", groups: [{ id: "core" }] })
      const { tools } = (effective["groups"] as ReadonlyArray<{ tools: ReadonlyArray<{ id: string }> }>)[0]!
      const ids = tools.map(({ id }) => id)
      expect(ids).toContain("time")
      expect(ids).not.toContain("sessions_list")
    }).pipe(Effect.provide(layer())),
  )

  it.live("A spawned session names its parent, and a list has the sessions that one has spawned.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* talk("hello")
      yield* sessions.create({ key: "child", parentKey: KEY })
      const page = yield* answer("sessions.list", { spawnedBy: "main" })
      expect(page).toMatchObject({
        count: 1,
        sessions: [{ key: "child", spawnedBy: KEY, parentSessionKey: KEY, classification: "subagent" }],
      })
      const described = yield* answer("sessions.describe", { key: "child" })
      expectValid("SessionRow", described["session"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("Features that the gateway does not have return empty lists in the form that clients read.", () =>
    Effect.gen(function* () {
      expectValid("ChannelsStatusResult", yield* answer("channels.status"))
      expectValid("CommandsListResult", yield* answer("commands.list"))
      expectValid("QuestionListResult", yield* answer("question.list"))
      expect(yield* answer("cron.list")).toMatchObject({
        jobs: [],
        snapshotRevision: expect.stringMatching(/./),
        total: 0,
        offset: 0,
        hasMore: false,
        nextOffset: null,
      })
      expect(yield* answer("cron.status")).toMatchObject({ enabled: false, jobs: 0 })
      expect(yield* answer("node.list")).toMatchObject({ ts: expect.any(Number), nodes: [] })
      expect(yield* answer("node.pair.list")).toEqual({ pending: [], paired: [] })
      expect(yield* answer("skills.status")).toMatchObject({ agentId: "main", skills: [] })
      expect(yield* answer("usage.status")).toMatchObject({ providers: [] })
      expect(yield* answer("exec.approval.list")).toEqual([])
      expect(yield* answer("plugin.approval.list")).toEqual([])
      expect(yield* Effect.flip(answer("send", { channel: "telegram", to: "1", message: "hi" }))).toMatchObject({
        error: { message: "unsupported channel: telegram" },
      })
      expect(yield* answer("last-heartbeat")).toBeNull()
      expect(yield* answer("device.pair.list")).toEqual({ pending: [], paired: [] })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Missing and unsupported parameters are invalid.", () =>
    Effect.gen(function* () {
      for (const [method, params] of [
        ["chat.send", { message: "hi" }],
        ["chat.send", { sessionKey: "main", message: " " }],
        ["chat.send", { sessionKey: "main", message: "", attachments: [] }],
        ["artifacts.list", {}],
        ["artifacts.download", { sessionKey: "main", artifactId: "unknown" }],
        ["chat.message.get", { sessionKey: "main" }],
        ["agent", {}],
        ["agent.wait", {}],
        ["sessions.patch", {}],
        ["sessions.patch", { key: "main", archived: true }],
        ["sessions.patch", { key: "main", pinned: true }],
        ["sessions.abort", {}],
        ["agents.create", { name: null }],
        ["device.pair.approve", {}],
        ["sessions.list", { limit: "many" }],
      ] as const) {
        expect(yield* Effect.flip(answer(method, params)), method).toMatchObject({ _tag: "InvalidParams" })
      }
    }).pipe(Effect.provide(layer())),
  )
})
