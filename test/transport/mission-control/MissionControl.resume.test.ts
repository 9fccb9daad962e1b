/**
 * Coming back: a client that names the last position it saw misses nothing, or is told plainly that it must look anew.
 */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Events } from "../../../src/services/events/Events.ts"
import { Memory } from "../../../src/services/memory/Memory.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const time = expect.any(Number)
const position = { epoch: expect.any(String), seq: expect.any(Number) }

const gateway = (options: Gateway.TestGatewayOptions) => layer(Gateway.layer(options), { excludeTestServices: true })

type Position = NonNullable<MissionClient.Message["position"]>

const resume = Effect.fnUntraced(function* (after: Position, ...channels: ReadonlyArray<string>) {
  const client = yield* MissionClient.open()
  client.say({ type: "subscribe", channels, after })
  return client
})

/** What was told of changes; lists as a whole come when they come. */
const changes = (messages: ReadonlyArray<MissionClient.Message>) =>
  messages.filter(({ position, type }) => position !== undefined && type !== "subscribed" && type !== "resumed")

gateway({ monitorIntervalMs: 20 })("a client that comes back", (it) => {
  it.effect("is told what happened while it was away, then that this was all", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const memory = yield* Memory
      const client = yield* MissionClient.open()
      client.say({ type: "subscribe", channels: ["sessions", "files", "logs"] })
      const { position: left } = yield* client.find("subscribed")
      yield* client.drop
      yield* sessions.create({ key: "one" })
      yield* sessions.create({ key: "two" })
      yield* sessions.patch("one", { label: "changed" })
      yield* sessions.remove("two")
      yield* memory.write("2026-01-01", "# away")

      const again = yield* resume(left!, "sessions", "files", "logs")
      expect(yield* again.next).toEqual({
        type: "subscribed",
        payload: { channels: ["sessions", "files", "logs"] },
        position: left,
      })
      const told = yield* again.until(({ type }) => type === "resumed")
      expect(changes(told).map(({ payload, type }) => [type, payload.key ?? payload.file.date])).toEqual([
        ["session_open", "one"],
        ["session_open", "two"],
        ["session_update", "one"],
        ["session_close", "two"],
        ["file_add", "2026-01-01"],
      ])
      const seqs = changes(told).map(({ position }) => position!.seq)
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b))
      expect(told.at(-1)).toEqual({
        type: "resumed",
        payload: { channels: ["sessions", "files", "logs"] },
        timestamp: time,
        position,
      })
      // Of entries of the log none is kept, so that the list is the only way to those that were missed.
      expect(yield* again.find("logs")).toMatchObject({ payload: { logs: expect.any(Array) } })
    }),
  )

  it.effect("from a position of another gateway is told so and gets the lists", () =>
    Effect.gen(function* () {
      const client = yield* resume({ epoch: "another", seq: 3 }, "sessions", "memory")
      const told = yield* client.take(4)
      expect(told.map(({ type }) => type)).toEqual(["subscribed", "reset", "sessions", "memory"])
      expect(told[1]).toEqual({
        type: "reset",
        payload: { reason: "epoch", channels: ["sessions", "memory"] },
        timestamp: time,
        position,
      })
    }),
  )

  it.effect("from a position that never was is told so and gets the lists", () =>
    Effect.gen(function* () {
      const { epoch, seq } = (yield* Events).head()
      const client = yield* resume({ epoch, seq: seq + 1_000 }, "sessions")
      const told = yield* client.take(3)
      expect(told.map(({ payload, type }) => [type, payload.reason])).toEqual([
        ["subscribed", undefined],
        ["reset", "future"],
        ["sessions", undefined],
      ])
      // From the position of the reset on it goes on as ever.
      yield* (yield* Sessions).create({ key: "after-reset" })
      const opened = yield* client.find("session_open")
      expect(opened.position!.seq).toBeGreaterThan(told[1]!.position!.seq)
    }),
  )

  it.effect("keeps its place when it changes its channels in the middle of what it missed", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const left = (yield* Events).head()
      const keys = Array.from({ length: 1_500 }, (_, i) => `missed-${i}`)
      yield* Effect.forEach(keys, (key) => sessions.create({ key }))
      const client = yield* MissionClient.open()
      client.say({ type: "subscribe", channels: ["sessions"], after: left })
      for (let i = 0; i < 20; i++) {
        client.say({ type: "subscribe", channels: ["tasks"] })
        client.say({ type: "unsubscribe", channels: ["tasks"] })
      }
      const told = yield* client.until(({ type }) => type === "resumed")
      expect(changes(told).map(({ payload }) => payload.key)).toEqual(keys)
    }),
  )

  it.effect("misses nothing and is told nothing twice, however often its network fails", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const memory = yield* Memory
      const { stateDir } = yield* Gateway.TestGateway
      const isOurs = (key: string) => /^k\d+$|^the-end$/.test(key)
      const rows = new Map<string, { readonly label: string | null }>()
      const files = new Map<string, string>()
      let seen: Position | undefined

      const learn = ({ payload, position, type }: MissionClient.Message) => {
        if (type === "session_open" || type === "session_update") rows.set(payload.key, payload)
        if (type === "session_close") rows.delete(payload.key)
        if (type === "file_add" || type === "file_change") files.set(payload.file.date, payload.file.content)
        if (type === "file_delete") files.delete(payload.date)
        if (type === "subscribed" && seen === undefined) seen = position
        if (position === undefined || type === "subscribed" || type === "resumed") return
        expect(type).not.toBe("reset")
        expect(position.seq).toBeGreaterThan(seen!.seq)
        seen = position
      }

      let count = 0
      const change = Effect.gen(function* () {
        const key = `k${yield* Random.nextIntBetween(0, 12)}`
        const what = yield* Random.nextIntBetween(0, 5)
        count++
        if (what === 0) yield* sessions.create({ key })
        else if (what === 1) yield* sessions.patch(key, { label: `label ${count}` })
        else if (what === 2) yield* sessions.remove(key)
        else if (what === 3) yield* memory.write(key, `content ${count}`)
        else Fs.rmSync(join(stateDir, "memory", `${key}.md`), { force: true })
      }).pipe(Effect.ignore)

      const connect = Effect.fnUntraced(function* () {
        const client = yield* MissionClient.open()
        client.say({ type: "subscribe", channels: ["sessions", "files"], ...(seen !== undefined && { after: seen }) })
        learn(yield* client.find("subscribed"))
        return client
      })

      for (let round = 0; round < 60; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const client = yield* connect()
            const toggles = yield* Random.nextBoolean
            yield* Effect.forkScoped(Effect.repeat(change, { times: 25 }))
            const messages = yield* Random.nextIntBetween(1, 15)
            for (let i = 0; i < messages; i++) {
              // Another channel more or less is no reason to lose one's place.
              if (toggles && i % 3 === 0)
                client.say({ type: i % 2 === 0 ? "subscribe" : "unsubscribe", channels: ["tasks"] })
              const message = yield* Effect.timeoutOption(client.next, "200 millis")
              if (message._tag === "Some") learn(message.value)
            }
            yield* client.drop
          }),
        )
      }

      const client = yield* connect()
      yield* sessions.create({ key: "the-end" })
      const rest = yield* client.until(({ payload, type }) => type === "session_open" && payload.key === "the-end")
      rest.forEach(learn)

      // What other programs remove is found with the next look at the folder.
      const isKnown = Effect.gen(function* () {
        const { sessions: all } = yield* sessions.list({ limit: 200 })
        const labels = all.flatMap(({ key, label }) => (isOurs(key) ? [`${key}: ${label}`] : []))
        const known = [...rows].flatMap(([key, row]) => (isOurs(key) ? [`${key}: ${row.label}`] : []))
        const documents = yield* memory.list
        const ids = documents.flatMap(({ id }) => (isOurs(id) ? [id] : []))
        return (
          String(labels.toSorted()) === String(known.toSorted()) &&
          String(ids.toSorted()) === String([...files.keys()].filter(isOurs).toSorted())
        )
      })
      while (!(yield* isKnown)) learn(yield* client.next)
      for (const [date, content] of files) expect((yield* memory.read(date)).content).toBe(content)
    }),
  )
})

gateway({ monitorIntervalMs: 20, events: { retainRows: 5 } })("a gateway that keeps little", (it) => {
  it.effect("tells a client that was away for too long, and gives it the lists", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const client = yield* MissionClient.open()
      client.say({ type: "subscribe", channels: ["sessions"] })
      const { position: left } = yield* client.find("subscribed")
      yield* client.drop
      yield* Effect.forEach(Array.from({ length: 50 }), (_, i) => sessions.create({ key: `s${i}` }))
      const again = yield* resume(left!, "sessions")
      const told = yield* again.until(({ type }) => type === "sessions")
      expect(told.map(({ payload, type }) => [type, payload.reason])).toEqual([
        ["subscribed", undefined],
        ["reset", "retention"],
        ["sessions", undefined],
      ])
      expect(told.at(-1)!.payload.sessions).toHaveLength(50)
    }),
  )
})

gateway({ monitorIntervalMs: 20, limits: { outboxBytes: 262_144 } })("a client that does not read", (it) => {
  it.effect("is closed with the position to resume from, while the others go on; from there it misses nothing", () =>
    Effect.gen(function* () {
      const memory = yield* Memory
      const slow = yield* MissionClient.subscribed("files")
      const quick = yield* MissionClient.subscribed("files")
      slow.socket.stopReading()
      const dates = Array.from({ length: 24 }, (_, i) => `day-${i}`)
      for (const date of dates) {
        yield* memory.write(date, "x".repeat(500_000))
        // The other one is told of each as if nothing were the matter.
        yield* quick.find("file_add", ({ payload }) => payload.file.date === date)
      }
      slow.socket.goOnReading()
      const { code, reason } = yield* slow.closed
      expect(code).toBe(4008)
      const [, epoch, seq] = /^too slow: resume from ([\w-]+):(\d+)$/.exec(reason) ?? []
      const before: Array<string> = []
      while (slow.socket.waiting > 0) {
        const { payload, type } = yield* slow.next
        if (type === "file_add") before.push(payload.file.date)
      }
      expect(before.length).toBeLessThan(dates.length)
      const again = yield* resume({ epoch: epoch!, seq: Number(seq) }, "files")
      const after = yield* again.until(({ type }) => type === "resumed")
      expect([...before, ...changes(after).map(({ payload }) => payload.file.date)]).toEqual(dates)
    }),
  )
})

gateway({ limits: { heartbeatMs: 100 } })("a client that gives no sign of life", (it) => {
  it.effect("is asked for one and then given up, while one that answers stays", () =>
    Effect.gen(function* () {
      const silent = yield* MissionClient.open({ autoPong: false })
      const alive = yield* MissionClient.open()
      expect(yield* silent.closed).toEqual({ code: 4009, reason: "no sign of life" })
      expect(alive.socket.isOpen).toBe(true)
      expect(yield* alive.settled).toEqual([])
    }),
  )
})
