/** Conformance of calls: the gateway answers each call once, under its id, and no call blocks another. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestGateway from "../support/TestGateway.ts"
import { open, speaksContract } from "./Client.ts"
import type { Driver } from "./Driver.ts"

export const calls = (driver: Driver): void => {
  describe(`${driver.name}: calls`, () => {
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("The gateway answers each of 200 pipelined calls once, under its id.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const ids = Array.from({ length: 200 }, () => client.nextId())
          client.socket.send(...ids.map((id) => driver.ping(id)))
          const answered: Array<number> = []
          yield* client.find((received) => {
            if (received._tag === "Answer") answered.push(received.id!)
            return answered.length === ids.length ? true : undefined
          })
          expect(answered.toSorted((a, b) => a - b)).toEqual(ids)
          yield* client.ask(driver.ping)
          expect(client.socket.rest.flatMap(driver.decode).filter(({ _tag }) => _tag !== "Other")).toEqual([])
        }),
      )

      it.effect("A client may use an id again once its call is answered.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          for (let i = 0; i < 3; i++) {
            client.socket.send(driver.ping(7))
            expect(yield* client.replyTo(7)).toMatchObject({ _tag: "Answer", id: 7 })
          }
        }),
      )

      if (!speaksContract(driver)) return
      const { call } = driver.contract

      it.effect("A slow call does not delay the calls after it.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          client.socket.send(call(client.nextId(), "chat.stream", { text: "/slow 60000 a b", sessionKey: "slow" }))
          expect(yield* client.ask((id) => call(id, "ping", {}))).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("The calls of one connection start in the order in which the client sent them.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`)
          const ids = texts.map(() => client.nextId())
          client.socket.send(
            ...texts.map((text, i) => call(ids[i]!, "chat.inject", { sessionKey: "order", text, role: "user" })),
          )
          yield* Effect.forEach(ids, (id) => client.replyTo(id))
          const history = yield* client.ask((id) => call(id, "sessions.history", { key: "order" }))
          expect(history).toMatchObject({ value: { messages: texts.map((text) => ({ text })) } })
        }),
      )

      it.effect("A streaming call sends its values, and then its answer.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const id = client.nextId()
          client.socket.send(call(id, "chat.stream", { text: "one two", sessionKey: "stream" }))
          const values: Array<unknown> = []
          const end = yield* client.find((received) => {
            if (received._tag === "Item") values.push(received.value)
            return received._tag === "Answer" ? received : undefined
          })
          expect(end.id).toBe(id)
          expect(values[0]).toMatchObject({ _tag: "Accepted", sessionKey: "stream" })
          expect(values.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "done" } })
        }),
      )
    })
  })
}
