/** OperationalLog, Connections and Authorization: the log that operators follow. */
import { describe, expect, it } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { WebSocket } from "ws"
import { type LogEntry } from "../../../src/domain/Log.ts"
import { localPrincipal } from "../../../src/domain/Principal.ts"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Logs } from "../../../src/services/logs/Logs.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Entries } from "../../../src/services/system/OperationalLog.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const SECRET_TEXT = "nobody may read this"

/** A gateway whose standard error goes to `lines`. */
const gateway = (lines: Array<string>, options: TestGateway.TestGatewayOptions = {}) => {
  const capture = { ...console, error: (line: string) => void lines.push(line) }
  return TestGateway.layer({ logLevel: "info", logFormat: "json", ...options }).pipe(
    Layer.provideMerge(Layer.succeed(Console.Console, capture)),
  )
}

/** Waits for an entry, past or future. */
const entry = Effect.fnUntraced(function* (matches: (entry: LogEntry) => boolean) {
  const logs = yield* Logs
  const events = yield* Events
  const subscription = events.subscribe({ topics: ["logs"] })
  const future = Stream.runHead(
    Stream.filterMap(subscription, (item) => {
      if (item._tag === "Joined") {
        const past = logs.tail({ limit: 1_000 }).entries.find(matches)
        if (past !== undefined) return Result.succeed(past)
      }
      return item._tag === "Event" && item.event._tag === "LogAdded" && matches(item.event.entry)
        ? Result.succeed(item.event.entry)
        : Result.failVoid
    }),
  )
  return Option.getOrThrow(yield* future)
})

describe("The operational log", () => {
  it.live("A run leaves one line each for its acceptance, its start and its end, without its text.", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: `/think ${SECRET_TEXT}`, sessionKey: "log" }, localPrincipal)
      yield* runs.wait(runId, 30_000)
      const ended = yield* entry(({ facts, message }) => message.startsWith("a run ended") && facts?.["run"] === runId)
      expect(ended).toMatchObject({ level: "info", source: "runs" })
      expect(ended.facts).toMatchObject({
        run: runId,
        agent: "main",
        session: "log",
        outcome: "done",
        ms: expect.any(Number),
        inputTokens: expect.any(Number),
        outputTokens: expect.any(Number),
      })
      const ofRun = lines.map((line) => JSON.parse(line)).filter(({ facts }) => facts?.run === runId)
      expect(ofRun.map(({ message }) => message.split(" run=")[0])).toEqual([
        "a run was accepted",
        "a run started",
        "a run ended",
      ])
      expect(lines.join("\n")).not.toContain(SECRET_TEXT)
    }).pipe(Effect.provide(gateway(lines)))
  })

  it.live("A client leaves a line when it connects and when it leaves, with the reason and the traffic.", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      yield* Effect.flatMap(GatewayClient, ({ calls }) => calls["ping"]({})).pipe(Effect.provide(TestGateway.client))
      const left = yield* entry(({ message }) => message.startsWith("a client left"))
      const dialect = left.facts?.["dialect"]
      expect(left.facts).toMatchObject({
        connection: "c1",
        address: "127.0.0.1",
        principal: "token",
        ms: expect.any(Number),
        frames: expect.any(Number),
        receivedBytes: expect.any(Number),
        reason: expect.any(String),
      })
      const connected = yield* entry(({ message }) => message.startsWith("a client connected"))
      expect(connected.facts).toMatchObject({ connection: "c1", dialect })
      expect(lines.join("\n")).not.toContain(TestGateway.TOKEN)
    }).pipe(Effect.provide(gateway(lines)))
  })

  it.live("A client that an operator closes leaves the code and the reason.", () =>
    Effect.gen(function* () {
      const { wsUrl } = yield* TestGateway.TestGateway
      const socket = new WebSocket(`${wsUrl}/jsonrpc`, { headers: { authorization: `Bearer ${TestGateway.TOKEN}` } })
      socket.on("error", () => {})
      const { facts } = yield* entry(({ message }) => message.startsWith("a client connected"))
      yield* (yield* Connections).close(String(facts?.["connection"]), "maintenance")
      const left = yield* entry(({ message }) => message.startsWith("a client left"))
      expect(left.facts?.["reason"]).toMatch(/^4000 .*maintenance$/)
      socket.terminate()
    }).pipe(Effect.provide(gateway([]))),
  )

  it.live("A call leaves a line with its duration and outcome at the level debug only.", () =>
    Effect.gen(function* () {
      yield* ask("/api/rpc/sessions.get", { body: JSON.stringify({ key: SECRET_TEXT }) })
      const call = yield* entry(({ source }) => source === "calls")
      expect(call).toMatchObject({
        level: "debug",
        facts: { method: "sessions.get", outcome: "SessionNotFound", dialect: "rest", ms: expect.any(Number) },
      })
      expect(JSON.stringify((yield* Logs).tail({ limit: 1_000 }))).not.toContain(SECRET_TEXT)
    }).pipe(Effect.provide(gateway([], { logLevel: "debug" }))),
  )

  it.live("A lockout leaves a warning with the address.", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* ask("/api/rpc/ping", { method: "POST", token: "wrong" })
      const lockout = yield* entry(({ message }) => message.startsWith("an address is locked out"))
      expect(lockout).toMatchObject({ level: "warn", facts: { address: "127.0.0.1", credential: "token" } })
    }).pipe(Effect.provide(gateway([], { limits: { authFailures: 3, authFailureDelayMs: 0 } }))),
  )
})

describe("Entries", () => {
  const ofRun = { runId: "r", sessionKey: "s", agentId: "main" }
  const error = { reason: "runtime" as const, kind: "rate-limit" as const, message: SECRET_TEXT }

  it("The entries of a run have its waiting time, its duration and the kind of its failure.", () => {
    const entries = new Entries()
    entries.of({ at: 1_000, event: { _tag: "RunAccepted", ...ofRun } })
    const started = entries.of({ at: 1_400, event: { _tag: "RunStarted", ...ofRun, attempt: 1 } })
    expect(started?.facts).toMatchObject({ attempt: 1, waitedMs: 400 })
    const ended = entries.of({ at: 3_000, event: { _tag: "RunEnded", ...ofRun, outcome: "failed", error } })
    expect(ended?.facts).toEqual({
      source: "runs",
      run: "r",
      agent: "main",
      session: "s",
      outcome: "failed",
      ms: 1_600,
      reason: "runtime",
      kind: "rate-limit",
    })
  })

  it("The entries of a device have its claims and the decision.", () => {
    const entries = new Entries()
    const event = { _tag: "PairingResolved" as const, requestId: "q", deviceId: "d", decision: "approved" as const }
    expect(entries.of({ at: 0, event })).toEqual({
      text: "a request of a device was approved",
      facts: { source: "devices", device: "d", request: "q" },
    })
  })

  it("Text of a conversation makes no entry.", () => {
    const entries = new Entries()
    expect(entries.of({ at: 0, event: { _tag: "TextDelta", ...ofRun, text: SECRET_TEXT } })).toBeUndefined()
  })
})
