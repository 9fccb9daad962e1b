/** MissionControl: the messages of each channel, in order and in shape, over real sockets and the whole gateway. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { principal } from "../../support/Conversations.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const time = expect.any(Number)
const position = { epoch: expect.any(String), seq: expect.any(Number) }

const gateway = (options: Gateway.TestGatewayOptions) => layer(Gateway.layer(options), { excludeTestServices: true })

const row = (key: string, more: object = {}) => ({
  key,
  kind: "session",
  displayName: key,
  label: null,
  updatedAt: time,
  model: null,
  contextTokens: 0,
  totalTokens: 0,
  parentKey: null,
  ...more,
})

/** The minimum time between two lists. */
const INTERVAL_MS = 20

gateway({ monitorIntervalMs: INTERVAL_MS })("MissionControl channels", (it) => {
  it.effect("Every client gets a greeting with a unique id.", () =>
    Effect.gen(function* () {
      const one = yield* MissionClient.connect()
      const two = yield* MissionClient.connect()
      const greetings = [yield* one.next, yield* two.next]
      for (const greeting of greetings) {
        expect(greeting).toEqual({
          type: "connected",
          payload: {
            clientId: expect.stringMatching(/^client-\d{13}-[0-9a-z]{9}$/),
            message: "Connected to OpenClaw Gateway",
            timestamp: time,
          },
        })
      }
      expect(greetings[0]!.payload.clientId).not.toBe(greetings[1]!.payload.clientId)
    }),
  )

  it.effect("A subscription gets the list of each channel in the requested order.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      client.send({ type: "subscribe", channels: ["logs", "sessions", "memory"] })
      expect(yield* client.take(4)).toEqual([
        { type: "subscribed", payload: { channels: ["logs", "sessions", "memory"] }, position },
        { type: "logs", payload: { logs: expect.any(Array) }, timestamp: time },
        { type: "sessions", payload: { sessions: expect.any(Array) }, timestamp: time },
        { type: "memory", payload: { memories: expect.any(Array) }, timestamp: time },
      ])
    }),
  )

  it.effect("A second subscription gets all subscribed channels and only the newly requested lists.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      const answersTo = Effect.fnUntraced(function* (message: object, count: number) {
        client.send(message)
        const messages = yield* client.take(count)
        return messages.map(({ payload, type }) => (type.endsWith("subscribed") ? [type, payload.channels] : type))
      })
      expect(yield* answersTo({ type: "subscribe", channels: ["logs"] }, 2)).toEqual([["subscribed", ["logs"]], "logs"])
      expect(yield* answersTo({ type: "subscribe", channels: ["tasks", "logs", "tasks"] }, 3)).toEqual([
        ["subscribed", ["logs", "tasks"]],
        "tasks",
        "logs",
      ])
      expect(yield* answersTo({ type: "unsubscribe", channels: ["logs", "files"] }, 1)).toEqual([
        ["unsubscribed", ["tasks"]],
      ])
      expect(yield* answersTo({ type: "unsubscribe" }, 1)).toEqual([["unsubscribed", ["tasks"]]])
      expect(yield* answersTo({ type: "subscribe", channels: [] }, 1)).toEqual([["subscribed", ["tasks"]]])
    }),
  )

  it.effect("A subscription gets the names of unknown channels.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      client.send({ type: "subscribe", channels: ["weather", "tasks", 5] })
      expect(yield* client.next).toEqual({
        type: "subscribed",
        payload: { channels: ["tasks"], unknown: ["weather", "5"] },
        position,
      })
    }),
  )

  it.effect("A client gets no events after it unsubscribes.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const client = yield* MissionClient.subscribed("sessions")
      client.send({ type: "unsubscribe", channels: ["sessions"] })
      expect(yield* client.next).toEqual({ type: "unsubscribed", payload: { channels: [] } })
      yield* sessions.create({ key: "unsubscribed" })
      expect(yield* client.settled).toEqual([])
    }),
  )

  it.effect("A new session is sent as a row and then in the list.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const client = yield* MissionClient.subscribed("sessions")
      yield* sessions.create({ key: "opened", kind: "subagent", displayName: "Sage", label: "Sage: Research Task" })
      const opened = row("opened", { kind: "subagent", displayName: "Sage", label: "Sage: Research Task" })
      expect(yield* client.take(2)).toEqual([
        { type: "session_open", payload: opened, timestamp: time, position },
        { type: "sessions", payload: { sessions: expect.arrayContaining([opened]) }, timestamp: time },
      ])
    }),
  )

  it.effect("A removed session is sent with its key, and the list follows.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "closed" })
      const client = yield* MissionClient.subscribed("sessions")
      yield* sessions.remove("closed")
      const messages = yield* client.until(({ type }) => type === "sessions")
      expect(messages.at(0)).toEqual({ type: "session_close", payload: { key: "closed" }, timestamp: time, position })
      expect(messages.at(-1)!.payload.sessions.map(({ key }: { key: string }) => key)).not.toContain("closed")
    }),
  )

  it.effect("A changed session is sent as a row without the list.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "changed" })
      const client = yield* MissionClient.subscribed("sessions")
      yield* sessions.patch("changed", { label: "new" })
      expect(yield* client.next).toEqual({
        type: "session_update",
        payload: row("changed", { label: "new" }),
        timestamp: time,
        position,
      })
      expect((yield* client.settled).map(({ type }) => type)).not.toContain("sessions")
    }),
  )

  it.effect("Changes of another program to stored sessions reach the client.", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* Gateway.TestGateway
      yield* (yield* Sessions).create({ key: "stored" })
      const client = yield* MissionClient.subscribed("sessions")
      const db = new DatabaseSync(join(stateDir, "causeway.db"))
      db.exec("UPDATE sessions SET label = 'by hand' WHERE key = 'stored'")
      expect(yield* client.next).toMatchObject({ type: "session_update", payload: { key: "stored", label: "by hand" } })
      db.exec("DELETE FROM sessions WHERE key = 'stored'")
      expect((yield* client.take(2)).map(({ payload, type }) => [type, payload.key])).toEqual([
        ["session_close", "stored"],
        ["sessions", undefined],
      ])
      db.close()
    }),
  )

  it.effect("A running conversation sends rows and no list.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* (yield* Sessions).create({ key: "talking" })
      const client = yield* MissionClient.subscribed("sessions")
      const { runId } = yield* runs.accept({ text: "a b c d e f g h i j k l m", sessionKey: "talking" }, principal)
      yield* runs.wait(runId, 10_000)
      const isDone = ({ payload, type }: MissionClient.Message) => type === "session_update" && payload.totalTokens > 0
      const messages = yield* client.until(isDone)
      expect(new Set(messages.map(({ type }) => type))).toEqual(new Set(["session_update"]))
    }),
  )

  it.effect("A new log entry reaches the client at once.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.subscribed("logs")
      yield* Effect.annotateLogs(Effect.logError("the cat is on the keyboard"), "source", "cat")
      const entry = {
        id: expect.stringMatching(/^log-\d+-\d+$/),
        timestamp: time,
        level: "error",
        message: "the cat is on the keyboard",
        source: "cat",
      }
      // The gateway of these tests may log entries of its own.
      const isOurs = ({ source }: { readonly source: string }) => source === "cat"
      const message = yield* client.find("log_entry", ({ payload }) => isOurs(payload))
      expect(message).toEqual({ type: "log_entry", payload: entry, timestamp: time, position })
      client.send({ type: "request", resource: "logs" })
      const { payload } = yield* client.find("logs")
      expect(payload.logs).toContainEqual(message.payload)
    }),
  )

  it.effect("The resource `status` has the health of the gateway.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      client.send({ type: "request", resource: "status" })
      expect(yield* client.next).toEqual({
        type: "status",
        payload: { status: "healthy", uptime: time, connectedClients: 1, version: expect.stringMatching(/^\d+\.\d+/) },
        timestamp: time,
      })
    }),
  )

  it.effect("A ping gets a pong with the time in the payload.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      client.send({ type: "ping" })
      expect(yield* client.next).toEqual({ type: "pong", payload: { timestamp: time } })
    }),
  )

  it.effect("The history of a session has the newest fifty messages, or as many as requested.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const sessionKey = "transcript"
      for (let i = 0; i < 120; i++) {
        yield* runs.inject({ sessionKey, text: `message ${i}`, role: "user", idempotencyKey: `t${i}` })
      }
      const client = yield* MissionClient.open()
      const messages = Effect.fnUntraced(function* (limit: unknown) {
        client.send({ type: "request", resource: "session_history", sessionKey, limit })
        const answer = yield* client.next
        expect(answer).toMatchObject({ type: "session_history", payload: { sessionKey }, timestamp: time })
        return answer.payload.messages as ReadonlyArray<{ readonly content: string }>
      })
      expect(yield* messages(2)).toEqual([
        { id: expect.any(Number), role: "user", content: "message 118", timestamp: time },
        { id: expect.any(Number), role: "user", content: "message 119", timestamp: time },
      ])
      expect((yield* messages(undefined)).map(({ content }) => content)).toEqual(
        Array.from({ length: 50 }, (_, i) => `message ${70 + i}`),
      )
      // This is more than one page of the contract.
      expect(yield* messages(1_000)).toHaveLength(120)
    }),
  )

  it.effect("The list of sessions has all sessions of several pages, newest first.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const keys = Array.from({ length: 450 }, (_, i) => `many-${i}`)
      yield* Effect.forEach(keys, (key) => sessions.create({ key }), { concurrency: 50 })
      const client = yield* MissionClient.open()
      client.send({ type: "request", resource: "sessions" })
      const rows: ReadonlyArray<{ readonly key: string; readonly updatedAt: number }> = (yield* client.next).payload
        .sessions
      expect(rows.map(({ key }) => key)).toEqual(expect.arrayContaining(keys))
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
      expect(rows.map(({ updatedAt }) => updatedAt)).toEqual(
        rows.map(({ updatedAt }) => updatedAt).toSorted((a, b) => b - a),
      )
    }),
  )
})

gateway({ monitorIntervalMs: 600_000 })("MissionControl lists of a busy gateway", (it) => {
  it.effect("A burst of new sessions sends the list once.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const client = yield* MissionClient.subscribed("sessions")
      yield* sessions.create({ key: "first" })
      yield* client.find("sessions")
      yield* Effect.forEach(Array.from({ length: 300 }), (_, i) => sessions.create({ key: `s${i}` }), {
        concurrency: 50,
      })
      const messages = yield* client.until(({ payload }) => payload.key === "s299")
      expect(messages.filter(({ type }) => type === "sessions")).toEqual([])
      expect(messages.filter(({ type }) => type === "session_open")).toHaveLength(300)
    }),
  )
})
