/** MissionControl: a client that resumes from a position misses no event, or gets the reason and the lists. */
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
  client.send({ type: "subscribe", channels, after })
  return client
})

/** Returns the messages of single events. Lists may come at any time. */
const changes = (messages: ReadonlyArray<MissionClient.Message>) =>
  messages.filter(({ position, type }) => position !== undefined && type !== "subscribed" && type !== "resumed")

gateway({ monitorIntervalMs: 20 })("MissionControl resume", (it) => {
  it.effect("A client that resumes gets the missed events and then `resumed`.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const memory = yield* Memory
      const client = yield* MissionClient.open()
      client.send({ type: "subscribe", channels: ["sessions", "files", "logs"] })
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
      const messages = yield* again.until(({ type }) => type === "resumed")
      expect(changes(messages).map(({ payload, type }) => [type, payload.key ?? payload.file.date])).toEqual([
        ["session_open", "one"],
        ["session_open", "two"],
        ["session_update", "one"],
        ["session_close", "two"],
        ["file_add", "2026-01-01"],
      ])
      const seqs = changes(messages).map(({ position }) => position!.seq)
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b))
      expect(messages.at(-1)).toEqual({
        type: "resumed",
        payload: { channels: ["sessions", "files", "logs"] },
        timestamp: time,
        position,
      })
      // The gateway keeps no log events, so the missed entries come with the list.
      expect(yield* again.find("logs")).toMatchObject({ payload: { logs: expect.any(Array) } })
    }),
  )

  it.effect("A position of another gateway gets a reset and the lists.", () =>
    Effect.gen(function* () {
      const client = yield* resume({ epoch: "another", seq: 3 }, "sessions", "memory")
      const messages = yield* client.take(4)
      expect(messages.map(({ type }) => type)).toEqual(["subscribed", "reset", "sessions", "memory"])
      expect(messages[1]).toEqual({
        type: "reset",
        payload: { reason: "epoch", channels: ["sessions", "memory"] },
        timestamp: time,
        position,
      })
    }),
  )

  it.effect("A position in the future gets a reset and the lists.", () =>
    Effect.gen(function* () {
      const { epoch, seq } = (yield* Events).head()
      const client = yield* resume({ epoch, seq: seq + 1_000_000 }, "sessions")
      const messages = yield* client.take(3)
      expect(messages.map(({ payload, type }) => [type, payload.reason])).toEqual([
        ["subscribed", undefined],
        ["reset", "future"],
        ["sessions", undefined],
      ])
      // Events continue from the position of the reset.
      yield* (yield* Sessions).create({ key: "after-reset" })
      const opened = yield* client.find("session_open")
      expect(opened.position!.seq).toBeGreaterThan(messages[1]!.position!.seq)
    }),
  )

  it.effect("A client keeps its position when it changes its channels during the replay.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const left = (yield* Events).head()
      const keys = Array.from({ length: 1_500 }, (_, i) => `missed-${i}`)
      yield* Effect.forEach(keys, (key) => sessions.create({ key }), { concurrency: "unbounded", discard: true })
      const client = yield* MissionClient.open()
      client.send({ type: "subscribe", channels: ["sessions"], after: left })
      for (let i = 0; i < 20; i++) {
        client.send({ type: "subscribe", channels: ["tasks"] })
        client.send({ type: "unsubscribe", channels: ["tasks"] })
      }
      const messages = yield* client.until(({ type }) => type === "resumed")
      expect(changes(messages).map(({ payload }) => payload.key)).toEqual(keys)
    }),
  )

  it.effect("A client misses no event and gets none twice, however often its network fails.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const memory = yield* Memory
      const { stateDir } = yield* Gateway.TestGateway
      const isOurs = (key: string) => /^k\d+$|^the-end$/.test(key)
      const rows = new Map<string, { readonly label: string | null }>()
      const files = new Map<string, string>()
      let seen: Position | undefined

      const apply = ({ payload, position, type }: MissionClient.Message) => {
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
        client.send({ type: "subscribe", channels: ["sessions", "files"], ...(seen !== undefined && { after: seen }) })
        apply(yield* client.find("subscribed"))
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
              // A change of channels keeps the position.
              if (toggles && i % 3 === 0)
                client.send({ type: i % 2 === 0 ? "subscribe" : "unsubscribe", channels: ["tasks"] })
              const message = yield* Effect.timeoutOption(client.next, "200 millis")
              if (message._tag === "Some") apply(message.value)
            }
            yield* client.drop
          }),
        )
      }

      const client = yield* connect()
      yield* sessions.create({ key: "the-end" })
      const rest = yield* client.until(({ payload, type }) => type === "session_open" && payload.key === "the-end")
      rest.forEach(apply)

      // The gateway finds removals of other programs at its next look at the folder.
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
      while (!(yield* isKnown)) apply(yield* client.next)
      for (const [date, content] of files) expect((yield* memory.read(date)).content).toBe(content)
    }),
  )
})

gateway({ monitorIntervalMs: 20, events: { retainRows: 5 } })("MissionControl resume after the retention", (it) => {
  it.effect("A position that the gateway no longer keeps gets a reset and the lists.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const client = yield* MissionClient.open()
      client.send({ type: "subscribe", channels: ["sessions"] })
      const { position: left } = yield* client.find("subscribed")
      yield* client.drop
      yield* Effect.forEach(Array.from({ length: 50 }), (_, i) => sessions.create({ key: `s${i}` }))
      const again = yield* resume(left!, "sessions")
      const messages = yield* again.until(({ type }) => type === "sessions")
      expect(messages.map(({ payload, type }) => [type, payload.reason])).toEqual([
        ["subscribed", undefined],
        ["reset", "retention"],
        ["sessions", undefined],
      ])
      expect(messages.at(-1)!.payload.sessions).toHaveLength(50)
    }),
  )
})

gateway({ monitorIntervalMs: 20, limits: { outboxBytes: 262_144 } })("MissionControl slow consumer", (it) => {
  it.effect("A slow consumer is closed with a position, misses no event from there, and delays no other client.", () =>
    Effect.gen(function* () {
      const memory = yield* Memory
      const slow = yield* MissionClient.subscribed("files")
      const quick = yield* MissionClient.subscribed("files")
      slow.socket.stopReading()
      const dates = Array.from({ length: 24 }, (_, i) => `day-${i}`)
      for (const date of dates) {
        yield* memory.write(date, "x".repeat(500_000))
        // The other client receives each event.
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

gateway({ limits: { heartbeatMs: 100 } })("MissionControl heartbeat", (it) => {
  it.effect("A client that answers no ping is closed, and a client that answers stays.", () =>
    Effect.gen(function* () {
      const silent = yield* MissionClient.open({ autoPong: false })
      const alive = yield* MissionClient.open()
      expect(yield* silent.closed).toEqual({ code: 4009, reason: "no sign of life" })
      expect(alive.socket.isOpen).toBe(true)
      expect(yield* alive.settled).toEqual([])
    }),
  )
})
