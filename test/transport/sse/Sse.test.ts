/** Sse: the events of the gateway at `GET /events`. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { localPrincipal } from "../../../src/domain/Principal.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { everyName } from "../../../src/transport/sse/EventNames.ts"
import * as EventStream from "../../support/EventStream.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const ORIGIN = "https://dash.example.org"

const gateway = (options: TestGateway.TestGatewayOptions = {}) =>
  TestGateway.layer({ allowedOrigins: [ORIGIN], limits: { authFailureDelayMs: 1 }, ...options })

/** Sends a message and waits until its run ends. */
const chat = Effect.fnUntraced(function* (sessionKey: string, text = "hello") {
  const runs = yield* Runs
  const { runId } = yield* runs.accept({ text, sessionKey }, localPrincipal)
  yield* runs.wait(runId, 30_000)
  return runId
})

const isEnd = ({ event }: EventStream.StreamedEvent) => event === "run.ended"

describe("Sse", () => {
  it.layer(gateway(), { excludeTestServices: true })((it) => {
    it.effect(
      "A client gets the event `joined` first, and then every event with its name, its position and its JSON.",
      () =>
        Effect.gen(function* () {
          const stream = yield* EventStream.open("/events?topics=chat&session=one")
          expect([stream.status, stream.headers["content-type"]]).toEqual([200, "text/event-stream"])
          // The connection ends the body: in chunks, each event would cost more writes.
          expect([stream.headers["transfer-encoding"], stream.headers["connection"]]).toEqual([undefined, "close"])
          yield* stream.find(({ event }) => event === "joined")
          const runId = yield* chat("one")
          const events = yield* stream.find(isEnd)
          const { epoch } = (yield* Events).head()
          expect(events[0]).toMatchObject({ event: "joined", data: { _tag: "Joined", epoch, reset: null } })
          for (const { data, event, id } of events) {
            expect(id).toBe(`${epoch}:${data.seq}`)
            expect(everyName).toContain(event)
          }
          expect(events.at(-1)).toMatchObject({ event: "run.ended", data: { event: { _tag: "RunEnded", runId } } })
        }).pipe(Effect.scoped),
    )

    it.effect("A client gets only the events of its topics and its session.", () =>
      Effect.gen(function* () {
        const stream = yield* EventStream.open("/events?topics=chat&topics=memory&session=mine")
        yield* stream.find(({ event }) => event === "joined")
        yield* chat("other")
        yield* chat("mine")
        const events = yield* stream.find(isEnd)
        expect(events.flatMap(({ data }) => data.event?.sessionKey ?? []).every((key) => key === "mine")).toBe(true)
        expect(events.map(({ event }) => event)).not.toContain("session.changed")
      }).pipe(Effect.scoped),
    )

    it.effect("A client resumes after its last event, by header or by query. The header wins.", () =>
      Effect.gen(function* () {
        const { epoch, seq } = (yield* Events).head()
        yield* chat("resumed")
        const after = yield* EventStream.open(`/events?topics=chat&after=${epoch}:${seq}`)
        const first = yield* after.find(isEnd)
        const accepted = first.find(({ event }) => event === "run.accepted")!
        const header = yield* EventStream.open(`/events?topics=chat&after=${epoch}:${seq}`, {
          headers: { "last-event-id": accepted.id! },
        })
        const second = yield* header.find(isEnd)
        expect(second.some(({ id }) => id === accepted.id && id !== second[0]!.id)).toBe(false)
        const rest = first.slice(first.indexOf(accepted) + 1).filter(({ event }) => event !== "caught-up")
        expect(second.slice(1).filter(({ event }) => event !== "caught-up")).toEqual(rest)
      }).pipe(Effect.scoped),
    )

    it.effect("A position of another database gets a `joined` that says so.", () =>
      Effect.gen(function* () {
        const stream = yield* EventStream.open("/events?after=another-epoch:5")
        const [joined] = yield* stream.find(({ event }) => event === "joined")
        expect(joined!.data.reset).toBe("epoch")
      }).pipe(Effect.scoped),
    )

    it.effect("Clients of another media type get one item a line.", () =>
      Effect.gen(function* () {
        const headers = { accept: "application/x-ndjson" }
        const get = yield* EventStream.open("/events?topics=chat", { headers })
        const post = yield* EventStream.open("/api/rpc/events.subscribe", { body: '{"topics":["chat"]}', headers })
        for (const stream of [get, post]) {
          const text = yield* stream.until((text) => text.includes("CaughtUp"))
          expect(
            text
              .split("\n")
              .filter(Boolean)
              .map((line) => JSON.parse(line)._tag),
          ).toEqual(["Joined", "CaughtUp"])
        }
      }).pipe(Effect.scoped),
    )

    it.effect("A client can give its token in the query, as EventSource must. Other routes do not take it there.", () =>
      Effect.gen(function* () {
        const stream = yield* EventStream.open(`/events?token=${TestGateway.TOKEN}`, { token: null })
        expect(stream.status).toBe(200)
        expect((yield* ask(`/api/sessions?token=${TestGateway.TOKEN}`, { token: null })).status).toBe(401)
        const post = { token: null, body: "{}" }
        expect((yield* ask(`/api/rpc/ping?token=${TestGateway.TOKEN}`, post)).status).toBe(401)
      }).pipe(Effect.scoped),
    )

    it.effect("A page of an allowed origin can read the events. A page of another site gets 403.", () =>
      Effect.gen(function* () {
        const stream = yield* EventStream.open("/events", { headers: { origin: ORIGIN } })
        expect(stream.headers["access-control-allow-origin"]).toBe(ORIGIN)
        expect((yield* ask("/events", { headers: { origin: "https://evil.example" } })).status).toBe(403)
      }).pipe(Effect.scoped),
    )

    it.effect("A client is in the lists of connections and of present clients until it leaves.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const scope = yield* Scope.make()
        const stream = yield* Scope.provide(EventStream.open("/events?topics=presence"), scope)
        const watcher = yield* EventStream.open("/events?topics=presence")
        yield* stream.find(({ event }) => event === "joined")
        expect(connections.list().filter(({ dialect }) => dialect === "sse")).toHaveLength(2)
        yield* watcher.find(({ data }) => data.event?.presence?.length === 2)
        yield* Scope.close(scope, Exit.void)
        yield* watcher.find(({ data, event }) => event === "presence.changed" && data.event.presence.length === 1)
      }).pipe(Effect.scoped),
    )

    it.effect("An operator can close a client. It gets the reason and a time to come back.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const stream = yield* EventStream.open()
        yield* stream.find(({ event }) => event === "joined")
        const { id } = connections.list().find(({ dialect }) => dialect === "sse")!
        yield* connections.close(id, "maintenance")
        expect(yield* stream.ended).toBe(true)
        expect(stream.events().at(-1)).toMatchObject({
          event: "closed",
          data: { code: 4000, reason: "closed by an operator: maintenance" },
        })
        expect(stream.text()).toMatch(/\nretry: 1\d{3}\n/)
      }).pipe(Effect.scoped),
    )
  })

  it.live(
    "A client that reads nothing costs the gateway no memory for its events, and gets all of them afterwards.",
    () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const runs = yield* Runs
        const stream = yield* EventStream.open("/events?topics=chat")
        yield* stream.find(({ event }) => event === "joined")
        stream.response.pause()
        const text = "x".repeat(100_000)
        yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => i),
          (i) => runs.inject({ sessionKey: "slow", role: "assistant", text: `${i} ${text}` }),
          { discard: true },
        )
        const unsent = connections.list().find(({ dialect }) => dialect === "sse")!.outboxBytes
        expect(unsent).toBeLessThan(300_000)
        stream.response.resume()
        yield* stream.until((text) => text.endsWith("\n\n") && text.includes('"99 x'))
        const events = stream.events().filter(({ event }) => event === "message.added")
        expect(events.map(({ data }) => data.event.message.text.split(" ", 1)[0])).toEqual(
          Array.from({ length: 100 }, (_, i) => String(i)),
        )
      }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live(
    "The limits of connections and subscriptions count these clients. They do not count as requests in progress.",
    () =>
      Effect.gen(function* () {
        const first = yield* EventStream.open()
        const second = yield* EventStream.open()
        yield* second.find(({ event }) => event === "joined")
        expect((yield* ask("/api/rpc/ping", { method: "POST" })).status).toBe(200)
        const third = yield* ask("/events")
        expect([third.status, third.json.error]).toEqual([429, expect.objectContaining({ limit: "subscriptions" })])
        first.leave()
        yield* second.find(({ data }) => data.event?.presence?.length === 1)
        expect((yield* EventStream.open()).status).toBe(200)
      }).pipe(
        Effect.scoped,
        Effect.provide(gateway({ limits: { principalSubscriptions: 2, principalRequests: 1, authFailureDelayMs: 1 } })),
      ),
  )

  it.live("A gateway that has no room for another connection answers 503.", () =>
    Effect.gen(function* () {
      yield* EventStream.open()
      expect((yield* ask("/events")).status).toBe(503)
    }).pipe(Effect.scoped, Effect.provide(gateway({ limits: { connections: 1 } }))),
  )

  it.live("A gateway that stops tells its clients, and ends their responses with a time to come back.", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(gateway({ restartExpectedMs: 7_000 }), scope)
      const stream = yield* Effect.provide(EventStream.open(), context)
      yield* stream.find(({ event }) => event === "joined")
      yield* Scope.close(scope, Exit.void)
      expect(yield* stream.ended).toBe(true)
      expect(stream.events().slice(-2)).toMatchObject([
        { event: "gateway.stopping", data: { event: { restartExpectedMs: 7_000 } } },
        { event: "closed", data: { code: 1012 } },
      ])
      expect(stream.text()).toMatch(/\nretry: 7\d{3}\n/)
    }).pipe(Effect.scoped),
  )
})
