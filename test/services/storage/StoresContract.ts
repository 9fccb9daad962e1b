/**
 * The contract of the stores: what every implementation of Tx does, in the same words for each database. Each database
 * runs it in a test file of its own.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Approval, ApprovalGrant } from "../../../src/domain/Approval.ts"
import type { Attachment } from "../../../src/domain/Attachment.ts"
import type { Device } from "../../../src/domain/Device.ts"
import type { Session } from "../../../src/domain/Session.ts"
import type { Question } from "../../../src/domain/Question.ts"
import { newSession } from "../../../src/services/sessions/NewSession.ts"
import type { NewSession, SessionCursor } from "../../../src/services/storage/SessionStore.ts"
import { firstAttemptOf, type LastWords, type NewTurn } from "../../../src/services/storage/TurnRow.ts"
import { type Stores, Tx } from "../../../src/services/storage/Tx.ts"
import { agent } from "../../support/Agents.ts"
import { part } from "../../support/AskingRuntime.ts"

const NEWEST = Number.MAX_SAFE_INTEGER

const session = (key: string, createdAt = 1): NewSession => newSession({ key, agentId: "main", createdAt })

const turn = (runId: string, sessionKey: string, acceptedAt = 10): NewTurn => ({
  runId,
  sessionKey,
  agentId: "main",
  principal: { id: "test", kind: "local", role: "operator", scopes: ["operator.admin"] } as NewTurn["principal"],
  text: `text of ${runId}`,
  attachments: [],
  digest: `digest of ${runId}`,
  acceptedAt,
  queue: "followup",
  acceptedAfter: 7,
  deadlineAt: 99,
})

const agentOf = (id: string, name = id) => agent({ id, name, createdAt: 1, updatedAt: 1 })

const device = (deviceId: string, displayName: string | null = null): Device => ({
  deviceId,
  publicKey: "key",
  displayName,
  platform: null,
  deviceFamily: null,
  clientId: null,
  clientMode: null,
  remoteAddress: "127.0.0.1",
  grants: [{ role: "operator", scopes: ["operator.read"], issuedAt: 5, lastUsedAt: null }],
  pairedAt: 3,
})

const approval = (id: string, runId = "r", digest = "d"): Approval => ({
  id,
  agentId: "main",
  sessionKey: "s",
  runId,
  callId: "1",
  tool: "act",
  input: '{"text":"\\u0000 \ud83d"}',
  digest,
  decisions: ["allow-once", "deny"],
  createdAt: 1,
  expiresAt: 100,
  status: "pending",
  decision: null,
  resolvedBy: null,
  resolvedAt: null,
})

const question = (id: string): Question => ({
  id,
  agentId: "main",
  sessionKey: "s",
  runId: "r",
  callId: "c",
  askedBy: null,
  parts: [part("color")],
  digest: "d",
  createdAt: 1,
  expiresAt: 2,
  status: "pending",
  answers: null,
  resolvedBy: null,
  resolvedAt: null,
})

const allowed = (id: string, resolvedAt: number): Approval => ({
  ...approval(id),
  status: "allowed",
  decision: "allow-once",
  resolvedBy: "ann",
  resolvedAt,
})

const grant = (id: string, revokedAt: number | null = null): ApprovalGrant => ({
  id,
  approvalId: "a",
  agentId: "main",
  tool: "act",
  input: "{}",
  createdAt: 1,
  createdBy: "ann",
  revokedAt,
  revokedBy: revokedAt === null ? null : "bob",
  lastUsedAt: null,
  uses: 0,
})

const file = (id: string): Attachment => ({ id, name: `${id}.png`, type: "image/png", size: 3, width: 1, height: 1 })

const noWords: LastWords = { retract: false }
const says = (text: string, step = 1): LastWords => ({ retract: false, reply: { text, step } })
const usage = { inputTokens: 3, outputTokens: 4, contextTokens: 50 }

/** Runs a work alone in a transaction and returns its answer. Undoes it if it fails. */
export type RunWork = <A>(work: Effect.Effect<A, unknown, Tx>) => Effect.Effect<A>

/** `open`: opens an empty database. The scope ends it. */
export const storesContract = (name: string, open: Effect.Effect<RunWork, never, Scope.Scope>) => {
  const test = (
    title: string,
    body: (tx: <A>(work: (tx: Stores) => Effect.Effect<A, unknown>) => Effect.Effect<A>) => Effect.Effect<void>,
  ) => it.live(title, () => Effect.flatMap(open, (run) => body((work) => run(Effect.flatMap(Tx, work)))))

  describe(`The stores on ${name}`, () => {
    test("A turn opens its session once, and its key is found again with its digest.", (tx) =>
      Effect.gen(function* () {
        const first = yield* tx(({ turns }) => turns.accept(session("s"), turn("r1", "s", 10)))
        expect(first).toMatchObject({
          _tag: "Accepted",
          opened: true,
          session: { key: "s", activity: "queued", createdAt: 1 },
        })
        const second = yield* tx(({ turns }) => turns.accept(session("s", 99), turn("r2", "s", 20)))
        expect(second).toMatchObject({ opened: false, session: { createdAt: 1, updatedAt: 20, messageCount: 0 } })
        const known = yield* tx(({ turns }) => turns.known("r1"))
        expect(known).toEqual({
          runId: "r1",
          sessionKey: "s",
          agentId: "main",
          principal: turn("r1", "s").principal,
          state: "queued",
          attempt: 0,
          crashes: 0,
          handedOver: false,
          error: undefined,
          usage: undefined,
          reply: undefined,
          queue: "followup",
          takenBy: undefined,
          acceptedAt: 10,
          acceptedAfter: 7,
          deadlineAt: 99,
          endedAt: undefined,
          digest: "digest of r1",
        })
        expect(yield* tx(({ turns }) => turns.known("unknown"))).toBe(undefined)
        expect(yield* tx(({ turns }) => turns.accept(session("s"), turn("r1", "s"), 0))).toEqual({
          _tag: "Known",
          turn: known,
        })
      }))

    test("A turn beyond the waiting turns of a session that are allowed is not written.", (tx) =>
      Effect.gen(function* () {
        const accept = (runId: string) => tx(({ turns }) => turns.accept(session("s"), turn(runId, "s"), 2))
        const tags = [(yield* accept("r1"))._tag, (yield* accept("r2"))._tag]
        expect(tags).toEqual(["Accepted", "Accepted"])
        expect(yield* accept("r3")).toEqual({ _tag: "TooManyWait", waiting: 2 })
        expect(yield* tx(({ turns }) => turns.known("r3"))).toBe(undefined)
        yield* tx(({ turns }) => turns.begin("r1", 3, 5))
        expect((yield* accept("r3"))._tag).toBe("Accepted")
      }))

    test("A turn begins with its acceptance if no other turn of its session is open.", (tx) =>
      Effect.gen(function* () {
        const accept = (runId: string, at: number) =>
          tx(({ turns }) => turns.accept(session("s"), turn(runId, "s", at), 2, true))
        const first = yield* accept("r1", 10)
        const said = { sessionKey: "s", runId: "r1", role: "user", text: "text of r1", at: 10 }
        const counted = {
          activity: "running",
          messageCount: 1,
          historyCount: 1,
          lastMessage: "text of r1",
          updatedAt: 10,
        }
        expect(first).toMatchObject({ _tag: "Accepted", opened: true, session: counted, begun: { message: said } })
        const begun = first._tag === "Accepted" ? first.begun : undefined
        expect(begun).toMatchObject({ input: { text: "text of r1", attachments: [] }, messageId: begun?.message?.id })
        expect(yield* tx(({ turns }) => turns.get("r1"))).toMatchObject(firstAttemptOf(turn("r1", "s", 10)))

        const second = yield* accept("r2", 20)
        expect(second).toMatchObject({
          opened: false,
          begun: undefined,
          session: { activity: "running", messageCount: 1 },
        })
        expect(yield* tx(({ turns }) => turns.get("r2"))).toMatchObject({ state: "queued", attempt: 0 })
        expect(yield* accept("r1", 30)).toMatchObject({ _tag: "Known", turn: { runId: "r1", attempt: 1 } })

        for (const runId of ["r1", "r2"]) {
          const of = { runId, attempt: runId === "r1" ? 1 : 0 }
          yield* tx(({ turns }) => turns.end(of, { outcome: "aborted" }, { retract: false }, 40))
        }
        const third = yield* accept("r3", 50)
        expect(third).toMatchObject({
          opened: false,
          session: { activity: "running", messageCount: 2, lastMessage: "text of r3", updatedAt: 50 },
          begun: { message: { runId: "r3" } },
        })
        const { messages } = yield* tx(({ messages }) => messages.page("s", Number.MAX_SAFE_INTEGER, 9, 1_000))
        expect(messages.map(({ runId }) => runId)).toEqual(["r1", "r3"])
      }))

    test("A turn runs from its begin to its end, with its messages and counters.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        const begun = yield* tx(({ turns }) => turns.begin("r", 3, 11))
        expect(begun).toMatchObject({
          _tag: "Begun",
          input: { text: "text of r", attachments: [] },
          turn: { state: "running", attempt: 1, crashes: 0 },
          message: { sessionKey: "s", runId: "r", role: "user", text: "text of r", at: 11 },
          session: { activity: "running", messageCount: 1, historyCount: 1, lastMessage: "text of r", updatedAt: 11 },
          retracted: [],
        })
        expect(begun._tag === "Begun" && begun.messageId === begun.message?.id).toBe(true)
        const call = { callId: "c", name: "read", input: "{}", output: "content", isError: false }
        const tool = yield* tx(({ turns }) => turns.tool({ runId: "r", attempt: 1 }, 1, call, 12))
        expect(tool).toMatchObject({
          message: { role: "tool", text: "content", tool: call },
          session: { activity: "running", messageCount: 2, historyCount: 2, lastMessage: "text of r", updatedAt: 12 },
        })
        const ending = { outcome: "done" as const, usage }
        const ended = yield* tx(({ turns }) => turns.end({ runId: "r", attempt: 1 }, ending, says("hello", 2), 13))
        expect(ended).toMatchObject({
          turn: { state: "done", endedAt: 13, usage },
          message: { role: "assistant", text: "hello", usage, at: 13 },
          session: {
            activity: "idle",
            messageCount: 3,
            historyCount: 3,
            lastMessage: "hello",
            inputTokens: 3,
            outputTokens: 4,
            totalTokens: 7,
            contextTokens: 50,
            updatedAt: 13,
          },
          retracted: [],
        })
        const { messages, more } = yield* tx(({ messages }) => messages.page("s", NEWEST, 10, 1_000))
        expect(messages.map(({ role, text }) => [role, text])).toEqual([
          ["user", "text of r"],
          ["tool", "content"],
          ["assistant", "hello"],
        ])
        expect(more).toBe(false)
        expect(messages[1]?.tool).toEqual(call)
        expect(yield* tx(({ sessions }) => sessions.get("s"))).toEqual(ended?.session)
        expect(yield* tx(({ turns }) => turns.end({ runId: "r", attempt: 1 }, ending, says("again", 2), 14))).toBe(
          undefined,
        )
        expect(yield* tx(({ turns }) => turns.begin("r", 3, 15))).toEqual({ _tag: "Over" })
      }))

    test("A write of an older attempt changes nothing, and a new attempt retracts the messages of tools.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        yield* tx(({ turns }) => turns.begin("r", 3, 11))
        const call = { callId: "c", name: "read", input: "{}", output: "content", isError: false }
        const tool = yield* tx(({ turns }) => turns.tool({ runId: "r", attempt: 1 }, 1, call, 12))
        const begun = yield* tx(({ turns }) => turns.begin("r", 3, 13))
        expect(begun).toMatchObject({
          turn: { attempt: 2, crashes: 1 },
          message: undefined,
          retracted: [tool?.message?.id],
          session: { messageCount: 1, historyCount: 1 },
        })
        expect(begun._tag === "Begun" && begun.messageId).toBeTypeOf("number")
        const old = { runId: "r", attempt: 1 }
        expect(yield* tx(({ turns }) => turns.tool(old, 1, call, 14))).toBe(undefined)
        expect(yield* tx(({ turns }) => turns.end(old, { outcome: "done" }, says("late"), 15))).toBe(undefined)
        expect((yield* tx(({ messages }) => messages.page("s", NEWEST, 10, 1_000))).messages).toHaveLength(1)
      }))

    test("A turn that an earlier process left running waits again, and its crash counts once.", (tx) =>
      Effect.gen(function* () {
        for (const runId of ["crashed", "stopped"]) {
          yield* tx(({ turns }) => turns.accept(session(runId, 10), turn(runId, runId)))
          yield* tx(({ turns }) => turns.begin(runId, 3, 11))
          if (runId === "crashed") yield* tx(({ turns }) => turns.recover)
        }
        yield* tx(({ turns }) => turns.handOver)
        expect(yield* tx(({ turns }) => turns.recover)).toEqual(["stopped"])
        expect(yield* tx(({ turns }) => turns.open())).toMatchObject([
          { runId: "crashed", state: "queued", crashes: 1 },
          { runId: "stopped", state: "queued", crashes: 0, handedOver: false },
        ])
        expect(yield* tx(({ sessions }) => sessions.get("crashed"))).toMatchObject({ activity: "queued" })
        expect(yield* tx(({ turns }) => turns.begin("crashed", 3, 12))).toMatchObject({
          turn: { attempt: 2, crashes: 1 },
        })
      }))

    test("Too many crashes stop a turn, and its next begin says so without a write.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        yield* tx(({ turns }) => turns.begin("r", 2, 11))
        yield* tx(({ turns }) => turns.begin("r", 2, 12))
        expect(yield* tx(({ turns }) => turns.begin("r", 2, 13))).toMatchObject({
          _tag: "TooManyCrashes",
          turn: { attempt: 2, crashes: 2, state: "running" },
        })
      }))

    test("A failed turn marks the user's message, which leaves the history.", (tx) =>
      Effect.gen(function* () {
        const error = { reason: "runtime" as const, message: "broken" } as never
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        yield* tx(({ turns }) => turns.begin("r", 3, 11))
        const words: LastWords = { retract: true, mark: { failed: error } }
        const ended = yield* tx(({ turns }) =>
          turns.end({ runId: "r", attempt: 1 }, { outcome: "failed", error }, words, 12),
        )
        expect(ended).toMatchObject({
          turn: { state: "failed", error },
          message: undefined,
          session: { messageCount: 1, historyCount: 0 },
        })
        expect(yield* tx(({ messages }) => messages.history("s", NEWEST, 10, 1_000))).toEqual([])
        expect((yield* tx(({ messages }) => messages.page("s", NEWEST, 10, 1_000))).messages).toMatchObject([
          { failed: error },
        ])
      }))

    test("A reply that a budget has cut stays in the history with its mark.", (tx) =>
      Effect.gen(function* () {
        const error = { reason: "budget" as const, message: "too long" }
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        yield* tx(({ turns }) => turns.begin("r", 3, 11))
        const words: LastWords = { retract: false, reply: { step: 1, text: "half", failed: error } }
        const ended = yield* tx(({ turns }) =>
          turns.end({ runId: "r", attempt: 1 }, { outcome: "failed", error }, words, 12),
        )
        expect(ended).toMatchObject({
          message: { role: "assistant", text: "half", failed: error },
          session: { messageCount: 2, historyCount: 2 },
        })
        expect(yield* tx(({ messages }) => messages.history("s", NEWEST, 10, 1_000))).toMatchObject([
          { text: "text of r" },
          { text: "half", failed: error },
        ])
      }))

    test("A turn that another run takes over ends once, and its message is in the history.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r1", "s")))
        yield* tx(({ turns }) => turns.accept(session("s"), { ...turn("r2", "s"), queue: "steer" }))
        yield* tx(({ turns }) => turns.begin("r1", 3, 11))
        const ending = { outcome: "done" as const, takenBy: "r1" }
        const take = tx(({ turns }) => turns.end({ runId: "r2", attempt: 0 }, ending, { retract: false, mark: {} }, 12))
        expect(yield* take).toMatchObject({
          turn: { state: "done", queue: "steer", takenBy: "r1" },
          message: { role: "user", runId: "r2", text: "text of r2" },
          session: { activity: "running", messageCount: 2, historyCount: 2, lastMessage: "text of r2" },
        })
        expect(yield* take).toBe(undefined)
        expect(yield* tx(({ turns }) => turns.taken("r1"))).toEqual([{ text: "text of r2", attachments: [] }])
        expect(yield* tx(({ turns }) => turns.taken("r2"))).toEqual([])
        expect(yield* tx(({ turns }) => turns.get("r2"))).toMatchObject({ queue: "steer", takenBy: "r1" })
      }))

    test("A turn that is aborted before it begins keeps its message, marked.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        const words: LastWords = { retract: false, mark: { aborted: true } }
        const ended = yield* tx(({ turns }) => turns.end({ runId: "r", attempt: 0 }, { outcome: "aborted" }, words, 12))
        expect(ended).toMatchObject({
          message: { role: "user", text: "text of r", aborted: true },
          session: { activity: "idle", messageCount: 1, historyCount: 0, lastMessage: "text of r" },
        })
      }))

    test("A turn ends without its session if that was removed.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.answer(turn("r", "gone"), "pong"))
        expect(yield* tx(({ turns }) => turns.get("r"))).toMatchObject({
          state: "done",
          attempt: 1,
          reply: "pong",
          endedAt: 10,
        })
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r2", "s")))
        yield* tx(({ turns }) => turns.begin("r2", 3, 11))
        const removed = yield* tx(({ sessions }) => sessions.remove("s", 12))
        expect(removed).toMatchObject({ messages: 1, ended: [{ runId: "r2", state: "aborted", endedAt: 12 }] })
        expect(yield* tx(({ sessions }) => sessions.get("s"))).toBe(undefined)
        expect(yield* tx(({ sessions }) => sessions.remove("s", 13))).toBe(undefined)
      }))

    test("A session with waiting turns is queued when a run ends.", (tx) =>
      Effect.gen(function* () {
        for (const run of ["r1", "r2", "r3"]) yield* tx(({ turns }) => turns.accept(session("s"), turn(run, "s")))
        yield* tx(({ turns }) => turns.begin("r1", 3, 11))
        const ended = yield* tx(({ turns }) =>
          turns.end({ runId: "r1", attempt: 1 }, { outcome: "done" }, says("a"), 12),
        )
        expect(ended?.session?.activity).toBe("queued")
        expect((yield* tx(({ turns }) => turns.open("s"))).map(({ runId }) => runId)).toEqual(["r2", "r3"])
        expect((yield* tx(({ turns }) => turns.open())).map(({ runId }) => runId)).toEqual(["r2", "r3"])
        const { sessions } = yield* tx(({ sessions }) => sessions.page(undefined, 10))
        expect(sessions).toMatchObject([{ key: "s", activity: "queued" }])
      }))

    test("Pages have each session once, with all of its fields.", (tx) =>
      Effect.gen(function* () {
        const keys = ["b", "a", "agent:main:x", "Z", "é"]
        for (const key of keys) yield* tx(({ sessions }) => sessions.open(session(key)))
        const found: Array<Session> = []
        let after: SessionCursor | undefined
        do {
          const from: SessionCursor | undefined = after
          const page = yield* tx(({ sessions }) => sessions.page(from, 2))
          found.push(...page.sessions)
          after = page.next
        } while (after !== undefined)
        expect(found.map(({ key }) => key).toSorted()).toEqual(keys.toSorted())
        for (const one of found) expect(yield* tx(({ sessions }) => sessions.get(one.key))).toEqual(one)
      }))

    test("Ended turns are forgotten, oldest first, up to a limit.", (tx) =>
      Effect.gen(function* () {
        for (const [index, run] of ["r1", "r2", "r3"].entries()) {
          yield* tx(({ turns }) => turns.answer(turn(run, "s", index), ""))
        }
        expect(yield* tx(({ turns }) => turns.forget(2, 1))).toBe(1)
        expect(yield* tx(({ turns }) => turns.get("r1"))).toBe(undefined)
        expect(yield* tx(({ turns }) => turns.forget(2, 10))).toBe(1)
        expect(yield* tx(({ turns }) => turns.get("r3"))).toMatchObject({ runId: "r3" })
      }))

    test("A reset gives a session an empty transcript, and its old messages are removed in steps.", (tx) =>
      Effect.gen(function* () {
        for (const [index, run] of ["r1", "r2"].entries()) {
          yield* tx(({ turns }) => turns.accept(session("s"), turn(run, "s")))
          yield* tx(({ turns }) => turns.begin(run, 3, 11))
          if (index === 0) {
            yield* tx(({ turns }) => turns.end({ runId: run, attempt: 1 }, { outcome: "done", usage }, says("a"), 12))
          }
        }
        const before = yield* tx(({ sessions }) => sessions.look("s"))
        expect(before.newestMessageId).toBeTypeOf("number")
        const reset = yield* tx(({ sessions }) => sessions.reset("s", 20))
        expect(reset).toMatchObject({
          messages: 3,
          ended: [{ runId: "r2", state: "aborted" }],
          session: {
            activity: "idle",
            messageCount: 0,
            historyCount: 0,
            lastMessage: null,
            totalTokens: 0,
            contextTokens: 0,
            emptiedAt: 20,
            updatedAt: 20,
          },
        })
        expect((yield* tx(({ sessions }) => sessions.reset("s", 20)))?.session.emptiedAt).toBe(21)
        expect((yield* tx(({ sessions }) => sessions.look("s"))).newestMessageId).toBeNull()
        expect((yield* tx(({ messages }) => messages.page("s", NEWEST, 10, 1_000))).messages).toEqual([])
        expect(yield* tx(({ messages }) => messages.removeSome(2))).toBe(2)
        expect(yield* tx(({ messages }) => messages.removeSome(2))).toBe(1)
        expect(yield* tx(({ messages }) => messages.removeSome(2))).toBe(0)
        expect(yield* tx(({ sessions }) => sessions.reset("unknown", 20))).toBe(undefined)
      }))

    test("Transcripts of several sessions are removed together, and the messages of others stay.", (tx) =>
      Effect.gen(function* () {
        for (const key of ["a", "b", "c"]) {
          for (const n of [1, 2, 3]) {
            const message = { sessionKey: key, role: "system" as const, text: `${key}${n}`, at: n }
            yield* tx(({ messages }) => messages.inject(session(key), message))
          }
        }
        yield* tx(({ sessions }) => sessions.remove("c", 9))
        yield* tx(({ sessions }) => sessions.reset("a", 9))
        expect(yield* tx(({ messages }) => messages.removeSome(4))).toBe(4)
        expect(yield* tx(({ messages }) => messages.removeSome(4))).toBe(2)
        expect((yield* tx(({ messages }) => messages.page("b", NEWEST, 10, 1_000))).messages).toHaveLength(3)
      }))

    test("Pages end at their number of messages or characters, and hold at least one message.", (tx) =>
      Effect.gen(function* () {
        for (const text of ["one", "two", "three", "four"]) {
          yield* tx(({ messages }) => messages.inject(session("s"), { sessionKey: "s", role: "system", text, at: 1 }))
        }
        const page = (before: number, limit: number, chars: number) =>
          Effect.map(
            tx(({ messages }) => messages.page("s", before, limit, chars)),
            ({ messages, more }) => [messages.map(({ text }) => text).join(" "), more],
          )
        expect(yield* page(NEWEST, 2, 1_000)).toEqual(["three four", true])
        expect(yield* page(NEWEST, 4, 1_000)).toEqual(["one two three four", false])
        expect(yield* page(NEWEST, 4, 1)).toEqual(["four", true])
        expect(yield* page(NEWEST, 4, 5)).toEqual(["three four", true])
        const { messages } = yield* tx(({ messages }) => messages.page("s", NEWEST, 4, 1_000))
        expect(yield* page(messages[1]!.id, 4, 1_000)).toEqual(["one", false])
        const previews = yield* tx(({ messages }) => messages.previews(["s", "unknown"], 2))
        expect(previews.get("s")).toEqual([
          { role: "system", text: "three" },
          { role: "system", text: "four" },
        ])
        expect(previews.get("unknown") ?? []).toEqual([])
      }))

    test("An injected message is found by its key until its transcript ends, and the key is free again.", (tx) =>
      Effect.gen(function* () {
        const message = { sessionKey: "s", role: "assistant" as const, text: "note", usage, injectionKey: "k", at: 5 }
        const added = yield* tx(({ messages }) => messages.inject(session("s"), message))
        expect(added).toMatchObject({
          opened: true,
          message: { runId: null, text: "note" },
          session: { messageCount: 1, historyCount: 1, lastMessage: "note", totalTokens: 7, updatedAt: 5 },
        })
        expect(yield* tx(({ messages }) => messages.injected("k"))).toEqual(added.message)
        yield* tx(({ sessions }) => sessions.reset("s", 9))
        expect(yield* tx(({ messages }) => messages.injected("k"))).toBe(undefined)
        const again = yield* tx(({ messages }) => messages.inject(session("s"), message))
        expect(again).toMatchObject({ opened: false, session: { messageCount: 1 } })
        expect(yield* tx(({ messages }) => messages.injected("k"))).toEqual(again.message)
      }))

    test("A summary stands for the messages that it replaces, once.", (tx) =>
      Effect.gen(function* () {
        const ids: Array<number> = []
        for (const text of ["one", "two", "three"]) {
          const message = { sessionKey: "s", role: "user" as const, text, at: 1 }
          ids.push((yield* tx(({ messages }) => messages.inject(session("s"), message))).message.id)
        }
        const summary = { text: "so far", upTo: ids[1]!, usage }
        const made = yield* tx(({ messages }) => messages.summarize("s", summary, 5))
        expect(made).toMatchObject({
          message: { role: "system", text: "so far", summaryUpTo: ids[1], usage },
          session: { messageCount: 4, historyCount: 4, lastMessage: "three", totalTokens: 7, updatedAt: 5 },
        })
        expect(yield* tx(({ messages }) => messages.summarize("s", summary, 6))).toBe(undefined)
        expect(yield* tx(({ messages }) => messages.summarize("s", { text: "", upTo: 9_999 }, 6))).toBe(undefined)
        const history = yield* tx(({ messages }) => messages.history("s", NEWEST, 10, 1_000))
        expect(history.map(({ text }) => text)).toEqual(["so far", "three"])
        const before = yield* tx(({ messages }) => messages.history("s", ids[1]!, 10, 1_000))
        expect(before.map(({ text }) => text)).toEqual(["one"])
      }))

    test("A session opens once, and its settings change.", (tx) =>
      Effect.gen(function* () {
        const opened = yield* tx(({ sessions }) => sessions.open({ ...session("s"), thinking: "high", parentKey: "p" }))
        expect(opened).toMatchObject({ opened: true, session: { thinking: "high", parentKey: "p", activity: "idle" } })
        expect(yield* tx(({ sessions }) => sessions.open(session("s", 50)))).toEqual({ ...opened, opened: false })
        const settings = { ...session("s"), label: "new", thinking: null }
        const updated = yield* tx(({ sessions }) => sessions.update("s", settings, 60))
        expect(updated).toMatchObject({ label: "new", updatedAt: 60 })
        expect(updated).not.toHaveProperty("thinking")
        expect(yield* tx(({ sessions }) => sessions.update("unknown", settings, 60))).toBe(undefined)
        expect(yield* tx(({ sessions }) => sessions.look("unknown"))).toEqual({
          session: undefined,
          newestMessageId: null,
        })
      }))

    test("Previews are cut between characters, as everywhere.", (tx) =>
      Effect.gen(function* () {
        const text = `${"x".repeat(199)}😀 and more`
        yield* tx(({ turns }) => turns.accept(session("s"), { ...turn("r", "s"), text }))
        const begun = yield* tx(({ turns }) => turns.begin("r", 3, 11))
        expect(begun).toMatchObject({ session: { lastMessage: "x".repeat(199) } })
        const previews = yield* tx(({ messages }) => messages.previews(["s"], 1))
        expect(previews.get("s")).toEqual([{ role: "user", text: "x".repeat(199) }])
      }))

    test("Agents keep their order and their options, with main first.", (tx) =>
      Effect.gen(function* () {
        for (const id of ["zoe", "adam", "main"]) yield* tx(({ agents }) => agents.put(agentOf(id)))
        yield* tx(({ agents }) => agents.put({ ...agentOf("zoe", "Zoë"), thinking: "low", updatedAt: 9 }))
        expect(yield* tx(({ agents }) => agents.all)).toEqual([
          agentOf("main"),
          { ...agentOf("zoe", "Zoë"), thinking: "low", updatedAt: 9 },
          agentOf("adam"),
        ])
        expect(yield* tx(({ agents }) => agents.countOthers)).toBe(2)
        expect(yield* tx(({ agents }) => agents.get("nobody"))).toBe(undefined)
        const binding = (agentId: string, matchValue: string, priority = 0) =>
          ({ agentId, tier: 1, matchKey: "peer_id", matchValue, priority }) as const
        expect(yield* tx(({ bindings }) => bindings.put(binding("zoe", "b")))).toBe(true)
        expect(yield* tx(({ bindings }) => bindings.put(binding("zoe", "a")))).toBe(true)
        expect(yield* tx(({ bindings }) => bindings.put(binding("zoe", "a")))).toBe(false)
        expect(yield* tx(({ bindings }) => bindings.put(binding("zoe", "b", 5)))).toBe(true)
        expect(yield* tx(({ bindings }) => bindings.put(binding("adam", "c")))).toBe(true)
        expect(yield* tx(({ bindings }) => bindings.count)).toBe(3)
        expect(yield* tx(({ bindings }) => bindings.remove(binding("adam", "c")))).toEqual(binding("adam", "c"))
        expect(yield* tx(({ bindings }) => bindings.remove(binding("adam", "c")))).toBe(undefined)
        expect(yield* tx(({ agents }) => agents.remove("zoe"))).toEqual([binding("zoe", "b", 5), binding("zoe", "a")])
        expect(yield* tx(({ agents }) => agents.remove("adam"))).toEqual([])
        expect(yield* tx(({ agents }) => agents.remove("adam"))).toBe(undefined)
        expect(yield* tx(({ bindings }) => bindings.all)).toEqual([])
      }))

    test("Devices keep their grants and the hashes of their tokens.", (tx) =>
      Effect.gen(function* () {
        const of = { deviceId: "d", role: "operator" } as const
        yield* tx(({ devices }) => devices.put(device("d")))
        yield* tx(({ devices }) => devices.setToken(of, "hash"))
        yield* tx(({ devices }) => devices.put(device("d", "Phone")))
        yield* tx(({ devices }) => devices.setLastUsed(of, 77))
        expect(yield* tx(({ devices }) => devices.all)).toEqual([
          {
            ...device("d", "Phone"),
            grants: [{ role: "operator", scopes: ["operator.read"], issuedAt: 5, lastUsedAt: 77 }],
          },
        ])
        expect(yield* tx(({ devices }) => devices.tokenHash(of))).toBe("hash")
        expect(yield* tx(({ devices }) => devices.hasToken("operator", "hash"))).toBe(true)
        expect(yield* tx(({ devices }) => devices.hasToken("node", "hash"))).toBe(false)
        yield* tx(({ devices }) => devices.setToken(of, null))
        expect(yield* tx(({ devices }) => devices.tokenHash(of))).toBe(undefined)
        expect(yield* tx(({ devices }) => devices.remove("d"))).toBe(true)
        expect(yield* tx(({ devices }) => devices.remove("d"))).toBe(false)
        expect(yield* tx(({ devices }) => devices.get("d"))).toBe(undefined)
      }))

    test("Documents are added, changed and removed.", (tx) =>
      Effect.gen(function* () {
        const document = (id: string, size: number) => ({ id, size, modifiedAt: 8 })
        yield* tx(({ documents }) => documents.put([document("a.md", 1), document("b.md", 2)]))
        yield* tx(({ documents }) => documents.put([document("a.md", 3)]))
        yield* tx(({ documents }) => documents.remove(["b.md"]))
        expect(yield* tx(({ documents }) => documents.all)).toEqual([document("a.md", 3)])
      }))

    test("An approval ends once, and an allowed one is used once, for its own call.", (tx) =>
      Effect.gen(function* () {
        const use = (digest: string) => tx(({ approvals }) => approvals.use("a", digest, 60, 0))
        yield* tx(({ approvals }) => Effect.andThen(approvals.add(approval("a")), approvals.add(approval("b", "q"))))
        expect(yield* tx(({ approvals }) => approvals.pending)).toEqual([approval("a"), approval("b", "q")])
        expect(yield* tx(({ approvals }) => approvals.ofRun("r", "d", 0))).toEqual(approval("a"))
        expect(yield* use("d")).toBe(false)
        expect(yield* tx(({ approvals }) => approvals.resolve(allowed("a", 50)))).toBe(true)
        expect(yield* tx(({ approvals }) => approvals.resolve({ ...allowed("a", 51), status: "denied" }))).toBe(false)
        expect(yield* tx(({ approvals }) => approvals.get("a"))).toEqual(allowed("a", 50))
        expect(yield* tx(({ approvals }) => approvals.ofRun("r", "d", 0))).toEqual(allowed("a", 50))
        expect(yield* use("other")).toBe(false)
        expect(yield* use("d")).toBe(true)
        expect(yield* use("d")).toBe(false)
        expect(yield* tx(({ approvals }) => approvals.ofRun("r", "d", 0))).toBe(undefined)
        expect(yield* tx(({ approvals }) => approvals.pending)).toEqual([approval("b", "q")])
      }))

    test("Ended approvals are listed newest first, and the old ones can be removed.", (tx) =>
      Effect.gen(function* () {
        for (const [index, id] of ["a", "b", "c"].entries()) {
          yield* tx(({ approvals }) =>
            Effect.andThen(approvals.add(approval(id)), approvals.resolve(allowed(id, index))),
          )
        }
        yield* tx(({ approvals }) => approvals.add(approval("d")))
        const [c, b] = yield* tx(({ approvals }) => approvals.ended(NEWEST, 2))
        expect([c?.request.id, b?.request.id]).toEqual(["c", "b"])
        const rest = yield* tx(({ approvals }) => approvals.ended(b!.place, 2))
        expect(rest.map(({ request }) => request.id)).toEqual(["a"])
        expect(yield* tx(({ approvals }) => approvals.forget(2, 1))).toBe(1)
        expect(yield* tx(({ approvals }) => approvals.forget(2, 9))).toBe(1)
        expect((yield* tx(({ approvals }) => approvals.ended(NEWEST, 9))).map(({ request }) => request.id)).toEqual([
          "c",
        ])
        expect(yield* tx(({ approvals }) => approvals.pending)).toEqual([approval("d")])
      }))

    test("The answers of a question are used once by each attempt, the oldest first.", (tx) =>
      Effect.gen(function* () {
        const answered = (id: string): Question => ({ ...question(id), status: "answered", answers: {}, resolvedAt: 5 })
        for (const id of ["a", "b"]) {
          expect(yield* tx(({ questions }) => questions.add(question(id)))).toBe(true)
          expect(yield* tx(({ questions }) => questions.add(question(id)))).toBe(false)
          expect(yield* tx(({ questions }) => questions.resolve(answered(id)))).toBe(true)
        }
        for (const attempt of [1, 2]) {
          for (const id of ["a", "b"]) {
            expect(yield* tx(({ questions }) => questions.ofRun("r", "d", attempt))).toEqual(answered(id))
            expect(yield* tx(({ questions }) => questions.use(id, "d", attempt, attempt))).toBe(true)
            expect(yield* tx(({ questions }) => questions.use(id, "d", attempt, attempt))).toBe(false)
          }
          expect(yield* tx(({ questions }) => questions.ofRun("r", "d", attempt))).toBe(undefined)
        }
      }))

    test("A grant with an end is found until then.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ approvals }) => approvals.putGrant(grant("a"), "x"))
        yield* tx(({ approvals }) => approvals.putGrant({ ...grant("b"), expiresAt: 10 }, "x"))
        expect((yield* tx(({ approvals }) => approvals.grantFor("x", 9)))?.id).toBe("b")
        expect((yield* tx(({ approvals }) => approvals.grantFor("x", 10)))?.id).toBe("a")
      }))

    test("A grant is found by its digest until it is revoked.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ approvals }) => approvals.putGrant(grant("a"), "x"))
        yield* tx(({ approvals }) => approvals.putGrant({ ...grant("b"), uses: 1 }, "y"))
        yield* tx(({ approvals }) => approvals.putGrant({ ...grant("b"), uses: 2 }, "y"))
        expect(yield* tx(({ approvals }) => approvals.grantFor("y", 1))).toEqual({ ...grant("b"), uses: 2 })
        yield* tx(({ approvals }) => approvals.putGrant(grant("a", 9), "x"))
        expect(yield* tx(({ approvals }) => approvals.grantFor("x", 1))).toBe(undefined)
        expect(yield* tx(({ approvals }) => approvals.grant("a"))).toEqual(grant("a", 9))
        expect(yield* tx(({ approvals }) => approvals.grant("c"))).toBe(undefined)
        expect((yield* tx(({ approvals }) => approvals.grants(1))).map(({ id }) => id)).toEqual(["b"])
      }))

    test("A work whose statement fails leaves nothing behind.", (tx) =>
      Effect.gen(function* () {
        const twice = tx(({ turns }) =>
          Effect.andThen(
            turns.accept(session("s"), turn("r", "s")),
            turns.answer({ ...turn("r", "s"), text: "other" }, "reply"),
          ),
        )
        expect(Exit.isFailure(yield* Effect.exit(twice))).toBe(true)
        expect(yield* tx(({ sessions }) => sessions.get("s"))).toBe(undefined)
        expect(yield* tx(({ turns }) => turns.get("r"))).toBe(undefined)
        yield* tx((stores) => stores.probe)
        expect(yield* tx(({ turns }) => turns.end({ runId: "r", attempt: 0 }, { outcome: "done" }, noWords, 1))).toBe(
          undefined,
        )
      }))

    test("A message carries its files from the acceptance to the history.", (tx) =>
      Effect.gen(function* () {
        const files = [file("a"), file("b")]
        yield* tx(({ turns }) => turns.accept(session("s"), { ...turn("r", "s"), attachments: files }))
        yield* tx(({ attachments }) => attachments.keep("s", files, 10))
        const begun = yield* tx(({ turns }) => turns.begin("r", 3, 11))
        expect(begun).toMatchObject({
          input: { text: "text of r", attachments: files },
          message: { attachments: files },
        })
        yield* tx(({ turns }) => turns.end({ runId: "r", attempt: 1 }, { outcome: "done" }, says("hello"), 12))
        const { messages } = yield* tx(({ messages }) => messages.page("s", NEWEST, 10, 1_000))
        expect(messages.map(({ attachments }) => attachments)).toEqual([files, undefined])
        const listed = yield* tx(({ attachments }) => attachments.ofSession("s", { before: NEWEST, limit: 10 }))
        expect(listed).toMatchObject([
          { messageId: messages[0]?.id, runId: "r", role: "user", at: 11, attachment: file("a") },
          { attachment: file("b") },
        ])
        const ofOther = { runId: "other", before: NEWEST, limit: 10 }
        expect(yield* tx(({ attachments }) => attachments.ofSession("s", ofOther))).toEqual([])
      }))

    test("The message of a tool has the files of its result.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ turns }) => turns.accept(session("s"), turn("r", "s")))
        yield* tx(({ turns }) => turns.begin("r", 3, 11))
        const call = { callId: "1", name: "draw", input: "{}", output: "done", isError: false }
        const written = yield* tx(({ turns }) => turns.tool({ runId: "r", attempt: 1 }, 1, call, 12, [file("a")]))
        expect(written?.message).toMatchObject({ role: "tool", text: "done", tool: call, attachments: [file("a")] })
        const messages = yield* tx(({ messages }) => messages.ofRun("s", "r"))
        expect(messages[1]).toEqual(written?.message)
      }))

    test("A turn that another run takes, or that is aborted before it begins, keeps its files.", (tx) =>
      Effect.gen(function* () {
        for (const runId of ["r1", "r2", "r3"]) {
          yield* tx(({ turns }) => turns.accept(session("s"), { ...turn(runId, "s"), attachments: [file(runId)] }))
        }
        const taken = { outcome: "done" as const, takenBy: "r1" }
        const ended = yield* tx(({ turns }) =>
          turns.end({ runId: "r2", attempt: 0 }, taken, { retract: false, mark: {} }, 11),
        )
        expect(ended?.message).toMatchObject({ attachments: [file("r2")] })
        expect(yield* tx(({ turns }) => turns.taken("r1"))).toEqual([{ text: "text of r2", attachments: [file("r2")] }])
        const words = { retract: false, mark: { aborted: true } }
        const aborted = yield* tx(({ turns }) =>
          turns.end({ runId: "r3", attempt: 0 }, { outcome: "aborted" }, words, 12),
        )
        expect(aborted?.message).toMatchObject({ aborted: true, attachments: [file("r3")] })
      }))

    test("A file is unused when the last transcript with it is gone.", (tx) =>
      Effect.gen(function* () {
        yield* tx(({ sessions }) => sessions.open(session("s")))
        yield* tx(({ sessions }) => sessions.open(session("t")))
        yield* tx(({ attachments }) => attachments.keep("s", [file("own"), file("shared"), file("own")], 1))
        yield* tx(({ attachments }) => attachments.keep("t", [file("shared")], 1))
        const unused = tx(({ attachments }) => attachments.unused(10))
        expect(yield* tx(({ attachments }) => attachments.known(["own", "no", "shared"]))).toHaveLength(2)
        yield* tx(({ sessions }) => sessions.reset("s", 5))
        yield* tx(({ messages }) => messages.removeSome(10))
        expect(yield* unused).toEqual(["own"])
        yield* tx(({ attachments }) => attachments.forget(["own", "shared"]))
        expect(yield* tx(({ attachments }) => attachments.known(["own", "shared"]))).toEqual(["shared"])
        yield* tx(({ sessions }) => sessions.remove("t", 6))
        yield* tx(({ messages }) => messages.removeSome(10))
        expect(yield* unused).toEqual(["shared"])
        // A new message with the file makes it used again.
        yield* tx(({ attachments }) => attachments.keep("s", [file("shared")], 7))
        expect(yield* unused).toEqual([])
      }))
  })
}
