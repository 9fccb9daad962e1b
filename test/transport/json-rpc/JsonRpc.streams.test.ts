/** JsonRpc: streaming calls, subscriptions, and how clients end them. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../../src/services/events/Events.ts"
import { open } from "../../support/JsonRpcClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

describe("JsonRpc streams", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("`chat.stream` sends its items with the call's id, and the response at the end.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const id = client.send("chat.stream", { text: "one two", sessionKey: "stream" })
        expect(yield* client.answerTo(id)).toEqual({ jsonrpc: "2.0", id, result: null })
        const items = client.notifications.filter(({ method }) => method === "$/item")
        expect(items.every(({ params }) => params.id === id)).toBe(true)
        expect(items[0]!.params.item).toMatchObject({ _tag: "Accepted", sessionKey: "stream" })
        const texts = items.flatMap(({ params }) =>
          params.item.event?._tag === "TextDelta" ? [params.item.event.text] : [],
        )
        expect(texts.join("")).toBe("echo: one two")
      }),
    )

    it.effect(
      "`events.subscribe` returns an id, with which the gateway sends events until the client unsubscribes.",
      () =>
        Effect.gen(function* () {
          const client = yield* open()
          const { result } = yield* client.call("events.subscribe", { topics: ["chat"], sessionKey: "subscribed" })
          expect(result).toEqual({ subscription: "s1" })
          yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
          yield* client.call("chat.inject", { sessionKey: "subscribed", text: "first" })
          const items = yield* client.itemsUntil(({ event }) => event?._tag === "MessageAdded")
          expect(items.at(-1)).toMatchObject({ event: { message: { text: "first" } } })
          expect((yield* client.call("events.unsubscribe", result)).result).toEqual({ unsubscribed: true })
          yield* client.call("chat.inject", { sessionKey: "subscribed", text: "second" })
          yield* client.call("ping")
          expect(client.notifications).toEqual([])
          expect((yield* client.call("events.unsubscribe", result)).result).toEqual({ unsubscribed: false })
        }),
    )

    it.effect("The id of a call of `events.subscribe` is free after the response.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        for (const subscription of ["s1", "s2"]) {
          client.socket.send('{"jsonrpc":"2.0","id":"one","method":"events.subscribe"}')
          expect(yield* client.answerTo("one")).toMatchObject({ result: { subscription } })
        }
      }),
    )

    it.effect("Two subscriptions of one connection have different ids.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        yield* client.call("events.subscribe", { topics: ["chat"], sessionKey: "left" })
        yield* client.call("events.subscribe", { topics: ["chat"], sessionKey: "right" })
        yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
        yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
        yield* client.call("chat.inject", { sessionKey: "right", text: "to the right" })
        yield* client.call("chat.inject", { sessionKey: "left", text: "to the left" })
        yield* client.call("ping")
        const received = client.notifications.map(({ params }) => [params.subscription, params.item.event.message.text])
        expect(received).toEqual([
          ["s2", "to the right"],
          ["s1", "to the left"],
        ])
      }),
    )

    it.effect("A subscription from a position gets the missed events and then `CaughtUp`.", () =>
      Effect.gen(function* () {
        const { head } = yield* Events
        const client = yield* open()
        const from = head()
        yield* client.call("chat.inject", { sessionKey: "missed", text: "while away" })
        yield* client.call("events.subscribe", { topics: ["chat"], sessionKey: "missed", from })
        const items = yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
        expect(items.map(({ _tag }) => _tag)).toEqual(["Joined", "Event", "CaughtUp"])
        expect(items[0]).toMatchObject({ epoch: from.epoch, seq: from.seq, reset: null })
      }),
    )

    it.effect("A subscription from an unknown position first gets the reason.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        yield* client.call("events.subscribe", { from: { epoch: "another", seq: 7 } })
        const items = yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
        expect(items[0]).toMatchObject({ _tag: "Joined", reset: "epoch" })
      }),
    )

    it.effect("`$/cancel` ends a stream with an error, and gets a response if it has an id.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const id = client.send("chat.stream", { text: "/slow 60000 one two", sessionKey: "cancelled" })
        yield* client.itemsUntil(({ event }) => event?._tag === "RunStarted")
        expect((yield* client.call("$/cancel", { id })).result).toBeNull()
        const { error } = yield* client.answerTo(id)
        expect(error).toEqual({ code: -32800, message: "Cancelled", data: { _tag: "Interrupted" } })
      }),
    )

    it.effect("`$/cancelRequest` ends a `send` that waits for its reply, and the run continues.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        yield* client.call("events.subscribe", { topics: ["chat"] })
        const id = client.send("send", { text: "/slow 500 on and on", peer_id: "cancelled" })
        const started = yield* client.itemsUntil(({ event }) => event?._tag === "RunStarted")
        const { runId, sessionKey } = started.at(-1).event
        client.notify("$/cancelRequest", { id })
        expect((yield* client.answerTo(id)).error).toMatchObject({ code: -32800 })
        const { result } = yield* client.call("runs.wait", { runId })
        expect(result).toMatchObject({ sessionKey, state: "done", reply: "echo: on and on" })
      }),
    )

    it.effect("The response to a batch is one array in the order of the requests, however long each takes.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const request = (id: number, method: string, params = {}) => ({ jsonrpc: "2.0", id, method, params })
        const { runId } = (yield* client.call("chat.send", { text: "/slow 300 x", sessionKey: "batch" })).result
        client.socket.send(
          JSON.stringify([
            request(11, "runs.wait", { runId }),
            { jsonrpc: "2.0", method: "ping" },
            request(12, "ping"),
            request(13, "events.subscribe"),
          ]),
        )
        const batch = yield* client.socket.find((frame) => (frame.startsWith("[") ? JSON.parse(frame) : undefined))
        expect(batch).toMatchObject([
          { id: 11, result: { state: "done" } },
          { id: 12, result: { at: expect.any(Number) } },
          { id: 13, result: { subscription: "s1" } },
        ])
      }),
    )
  })
})
