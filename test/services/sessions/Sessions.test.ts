import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SESSION_KEY_CHARS } from "../../../src/domain/Bounds.ts"
import { type SessionExpectation, SessionQuery } from "../../../src/domain/Session.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Bindings } from "../../../src/services/agents/Bindings.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { SessionIndex } from "../../../src/services/sessions/SessionIndex.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import { recordEvents } from "../../support/Published.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { isPostgres } from "../../support/Postgres.ts"
import { PROPERTY_RUNS, TestDatabase } from "../../support/TestDatabase.ts"
import { staged } from "../../support/StagedRuntime.ts"

describe("Sessions", () => {
  it.live("Sessions are created, found, changed and removed, and lists show each change when it returns.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const made = yield* sessions.create({ displayName: "First", label: "L", kind: "project" })
      expect(made).toMatchObject({ agentId: "main", displayName: "First", label: "L", kind: "project", model: null })
      expect(made.key).toMatch(/^agent:main:/)
      expect(yield* sessions.get(made.key)).toEqual(made)
      expect(yield* Effect.flip(sessions.create({ key: made.key }))).toMatchObject({ _tag: "SessionExists" })
      const patched = yield* sessions.patch(made.key, { label: null, model: "m" })
      expect(patched).toMatchObject({ displayName: "First", label: null, model: "m", kind: "project" })
      expect((yield* sessions.list({})).sessions).toEqual([patched])
      expect(yield* sessions.remove(made.key)).toBe(0)
      expect(sessions.count()).toBe(0)
      expect(yield* Effect.flip(sessions.get(made.key))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.patch(made.key, {}))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.reset(made.key))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.remove(made.key))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.history(made.key, { limit: 1 }))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.create({ agentId: "nobody" }))).toMatchObject({ _tag: "AgentNotFound" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A session overrides the thinking level and the queue mode of its agent until null clears them.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const { key } = yield* sessions.create({ thinking: "high" })
      expect(yield* sessions.patch(key, { queue: "steer" })).toMatchObject({ thinking: "high", queue: "steer" })
      const cleared = yield* sessions.patch(key, { thinking: null, queue: null })
      expect(cleared).not.toHaveProperty("thinking")
      expect(cleared).not.toHaveProperty("queue")
    }).pipe(Effect.provide(layer())),
  )

  it.live("An address finds a session by its key, by its label or by the route of a message.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const bindings = yield* Bindings
      const sessions = yield* Sessions
      yield* agents.create({ id: "luna", name: "Luna", dmScope: "per-channel-peer" })
      const binding = yield* bindings.set({ agentId: "luna", matchKey: "channel", matchValue: "telegram" })
      const route = { channel: "telegram", peerId: "Ada" }
      expect(yield* sessions.resolve(route)).toEqual({
        sessionKey: "agent:luna:telegram:direct:ada",
        agentId: "luna",
        exists: false,
        binding,
      })
      expect(yield* sessions.resolve({ agentId: "luna" })).toMatchObject({
        sessionKey: "agent:luna:main",
        binding: null,
      })
      expect(yield* sessions.resolve({})).toMatchObject({ sessionKey: "agent:main:main", agentId: "main" })
      expect(yield* sessions.resolve({ key: "agent:Luna:x" })).toMatchObject({ agentId: "luna", exists: false })
      expect(yield* sessions.resolve({ key: "any", ...route })).toMatchObject({ agentId: "luna", binding })
      const made = yield* sessions.create({ key: "any", agentId: "luna", label: "Work" })
      expect(yield* sessions.resolve({ key: "any" })).toMatchObject({ agentId: "luna", exists: true, binding: null })
      expect(yield* sessions.resolve({ label: "Work" })).toMatchObject({ sessionKey: made.key, exists: true })
      expect(yield* Effect.flip(sessions.resolve({ label: "Play" }))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* Effect.flip(sessions.resolve({ key: "agent:nobody:x" }))).toMatchObject({ _tag: "AgentNotFound" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("The first message of a route creates its session.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      const { sessionKey } = yield* runs.accept({ text: "hi", channel: "web", peerId: "Ada" }, principal)
      expect(sessionKey).toBe("agent:main:direct:ada")
      expect(sessions.find(sessionKey)).toMatchObject({
        kind: "direct",
        displayName: "Ada",
        channel: "web",
        peerId: "Ada",
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Sessions with the longest keys are listed page by page.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const query = Schema.decodeSync(SessionQuery)
      for (let n = 0; n < 3; n++) yield* sessions.create({ key: `${'"'.repeat(SESSION_KEY_CHARS - 1)}${n}` })
      const first = yield* sessions.list(query({ limit: 2 }))
      const second = yield* sessions.list(query({ limit: 2, cursor: first.nextCursor! }))
      expect(new Set([...first.sessions, ...second.sessions].map(({ key }) => key)).size).toBe(3)
    }).pipe(Effect.provide(layer())),
  )

  it.live("The history has pages of messages, oldest first.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      for (let n = 0; n < 7; n++) yield* runs.inject({ sessionKey: "s", text: `${n}`, role: "assistant" })
      const pages: Array<ReadonlyArray<string>> = []
      let before: number | undefined
      do {
        const page = yield* sessions.history("s", { limit: 3, before })
        pages.push(page.messages.map(({ text }) => text))
        before = page.nextBefore ?? undefined
      } while (before !== undefined)
      expect(pages).toEqual([["4", "5", "6"], ["1", "2", "3"], ["0"]])
      expect((yield* sessions.history("s", { limit: 7 })).nextBefore).toBeNull()
      yield* runs.inject({ sessionKey: "t", text: "x".repeat(300), role: "system" })
      expect(yield* sessions.preview(["t", "nobody", "s"], 2)).toEqual([
        { key: "t", messages: [{ role: "system", text: "x".repeat(200) }] },
        {
          key: "s",
          messages: [
            { role: "assistant", text: "5" },
            { role: "assistant", text: "6" },
          ],
        },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.live("The history keeps the input and the output of a tool call.", () =>
    Effect.gen(function* () {
      yield* ask("/tool x", "s")
      const sessions = yield* Sessions
      const { messages } = yield* sessions.history("s", { limit: 10 })
      const tool = { callId: "call-1", name: "echo", input: '{"text":"x"}', output: "x", isError: false }
      expect(messages[1]).toMatchObject({ role: "tool", text: "x", tool })
    }).pipe(Effect.provide(layer())),
  )

  for (const method of ["reset", "remove"] as const) {
    it.live(`A ${method} aborts the open runs, and their later output is dropped.`, () => {
      const { next, runs: started, runtime } = staged()
      return Effect.gen(function* () {
        const runs = yield* Runs
        const sessions = yield* Sessions
        const published = yield* recordEvents
        yield* runs.inject({ sessionKey: "s", text: "old", role: "assistant" })
        const first = yield* runs.accept({ text: "runs", sessionKey: "s" }, principal)
        const run = yield* next
        yield* run.say("words")
        const second = yield* runs.accept({ text: "waits", sessionKey: "s" }, principal)
        expect(yield* sessions[method]("s")).toBe(2)
        expect((yield* runs.get(first.runId)).state).toBe("aborted")
        expect((yield* runs.get(second.runId)).state).toBe("aborted")
        // The runtime does not know of the end yet. The gateway drops its later output.
        yield* run.emit({ _tag: "ToolStarted", callId: "1", name: "t", input: "" })
        const after = yield* runs.accept({ text: "after", sessionKey: "s" }, principal)
        const fresh = yield* next
        expect(fresh.turn.text).toBe("after")
        expect(yield* fresh.past).toEqual([])
        yield* fresh.say("reply")
        yield* fresh.end
        yield* runs.wait(after.runId, 5_000)
        const { messages } = yield* sessions.history("s", { limit: 10 })
        expect(messages.map(({ text }) => text)).toEqual(["after", "reply"])
        expect(started.length).toBe(2)
        expect(published.some(({ _tag }) => _tag === "ToolStarted")).toBe(false)
        expect(published.some(({ _tag }) => _tag === (method === "reset" ? "MessagesRemoved" : "SessionClosed"))).toBe(
          true,
        )
        expect(published.filter(({ _tag }) => _tag === "RunEnded").length).toBe(3)
      }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [runtime] })))
    })
  }

  const Step = Schema.Struct({
    key: Schema.Literals(["a", "b"]),
    does: Schema.Literals(["send", "fail", "tool", "inject", "abort", "reset", "remove", "patch", "create"]),
  })
  it.live.prop(
    "After any changes, memory agrees with the disk and with the published events.",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const events = yield* Events
        const index = yield* SessionIndex
        const runs = yield* Runs
        const sessions = yield* Sessions
        const { query } = yield* TestDatabase
        const published = new Map<string, Array<number>>()
        yield* events.onEvent(({ event }) => {
          if (event._tag === "SessionClosed") published.delete(event.sessionKey)
          if (event._tag === "SessionOpened") published.set(event.session.key, [])
          if (event._tag === "MessageAdded") published.get(event.sessionKey)!.push(event.message.id)
          if (event._tag === "MessagesRemoved") {
            const ids = published.get(event.sessionKey)!
            published.set(
              event.sessionKey,
              ids.filter((id) => event.ids.length > 0 && !event.ids.includes(id)),
            )
          }
        })
        const compare = Effect.gen(function* () {
          const page = Effect.flatMap(Tx, ({ sessions }) => sessions.page(undefined, 1_000))
          const stored = (yield* events.read(page)).sessions.toSorted((a, b) => (a.key < b.key ? -1 : 1))
          expect([...index.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(stored)
          for (const session of stored) {
            const rows = yield* query(
              `SELECT id, role, aborted, failed FROM messages
               WHERE transcript = (SELECT transcript FROM sessions WHERE key = '${session.key}') ORDER BY id`,
            )
            expect(rows.map(({ id }) => id)).toEqual(published.get(session.key))
            expect(session.messageCount).toBe(rows.length)
            const inHistory = rows.filter(
              ({ aborted, failed, role }) => failed === null && (role !== "user" || aborted === 0),
            )
            expect(session.historyCount).toBe(inHistory.length)
          }
        })
        const accepted: Array<string> = []
        const send = (text: string, sessionKey: string) =>
          Effect.map(runs.accept({ text, sessionKey }, principal), ({ runId }) => accepted.push(runId))
        for (const { does, key } of steps) {
          const step = {
            send: send("hi", key),
            fail: send("/fail hi", key),
            tool: send("/tool /think hi", key),
            inject: runs.inject({ sessionKey: key, text: "note", role: "system" }),
            abort: runs.abort(key),
            reset: sessions.reset(key),
            remove: sessions.remove(key),
            patch: sessions.patch(key, { label: "l" }),
            create: sessions.create({ key }),
          }[does]
          yield* Effect.ignore(Effect.asVoid<unknown, unknown, never>(step))
          // A read of PostgreSQL waits, and a run may go on meanwhile.
          if (!isPostgres) yield* compare
        }
        yield* Effect.forEach(accepted, (runId) => runs.wait(runId, 10_000))
        yield* runs.drain
        expect(runs.counts()).toMatchObject({ running: 0, waiting: 0 })
        yield* compare
        const turns = yield* query("SELECT ended_at FROM turns")
        expect(turns.filter(({ ended_at }) => ended_at === null)).toEqual([])
        expect(turns.length).toBe(steps.filter(({ does }) => ["send", "fail", "tool"].includes(does)).length)
      }).pipe(Effect.provide(layer())),
    { arbitrary: { runs: Math.min(25, PROPERTY_RUNS), size: 20 } },
  )
})

describe("Expectations of a session", () => {
  type Make = (
    sessions: Sessions["Service"],
    expected: SessionExpectation,
  ) => Effect.Effect<unknown, { readonly _tag: string }, Runs>

  const change: { readonly [name: string]: Make } = {
    patch: (sessions, expected) => sessions.patch("s", { label: "changed" }, expected),
    reset: (sessions, expected) => sessions.reset("s", expected),
    remove: (sessions, expected) => sessions.remove("s", expected),
    send: (_, expected) =>
      Effect.flatMap(Runs, (runs) => runs.accept({ text: "x", sessionKey: "s", expected }, principal)),
  }

  for (const [name, make] of Object.entries(change)) {
    it.live(`A ${name} happens only if the whole expectation holds.`, () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* ask("hello", "s")
        const seen = yield* sessions.get("s")
        const { messages } = yield* sessions.history("s", { limit: 10 })
        const { createdAt, updatedAt } = seen
        const right = { createdAt, updatedAt, emptiedAt: null, lastMessageId: messages.at(-1)!.id }
        const wrong: ReadonlyArray<SessionExpectation> = [
          { ...right, createdAt: createdAt - 1 },
          { ...right, updatedAt: updatedAt + 1 },
          { ...right, emptiedAt: createdAt },
          { ...right, lastMessageId: null },
          { ...right, lastMessageId: right.lastMessageId - 1 },
        ]
        for (const expected of wrong) {
          expect(yield* Effect.flip(make(sessions, expected))).toMatchObject({
            _tag: "SessionConflict",
            sessionKey: "s",
          })
        }
        expect(yield* sessions.get("s")).toEqual(seen)
        yield* make(sessions, right)
      }).pipe(Effect.provide(layer())),
    )
  }

  it.live("Each reset sets a later emptiedAt.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* ask("hello", "s")
      expect((yield* sessions.get("s")).emptiedAt).toBeUndefined()
      yield* sessions.reset("s")
      const { createdAt, emptiedAt: first } = yield* sessions.get("s")
      expect(first).toBeGreaterThan(createdAt)
      yield* sessions.reset("s")
      expect((yield* sessions.get("s")).emptiedAt).toBeGreaterThan(first!)
    }).pipe(Effect.provide(layer())),
  )

  it.live("Removing a session stops its running turn.", () => {
    const stage = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      const { runId } = yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      const run = yield* stage.next
      yield* runs.stopAfter("s", sessions.remove("s"))
      yield* Deferred.await(run.interrupted)
      expect((yield* runs.get(runId)).state).toBe("aborted")
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [stage.runtime] })))
  })
})
