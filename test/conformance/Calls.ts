/** Calls: each answered once, by its id, none behind another. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestGateway from "../support/TestGateway.ts"
import type { ContractDriver } from "./Driver.ts"
import { open } from "./Talk.ts"

export const calls = (driver: ContractDriver): void => {
  describe(`${driver.name}: calls`, () => {
    const { call } = driver.contract
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("answers each call once, under its id", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const ids = Array.from({ length: 200 }, () => talk.nextId())
          talk.socket.send(...ids.map((id) => driver.ping(id)))
          const answered: Array<number> = []
          yield* talk.find((said) => {
            if (said._tag === "Answer") answered.push(said.id!)
            return answered.length === ids.length ? true : undefined
          })
          expect(answered.toSorted((a, b) => a - b)).toEqual(ids)
          yield* talk.ask(driver.ping)
          expect(talk.socket.rest).toEqual([])
        }),
      )

      it.effect("does not hold up a call behind a slower one", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          talk.socket.send(call(talk.nextId(), "chat.stream", { text: "/slow 60000 a b", sessionKey: "slow" }))
          expect(yield* talk.ask((id) => call(id, "ping", {}))).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("begins the calls of one connection in their order", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`)
          const ids = texts.map(() => talk.nextId())
          talk.socket.send(
            ...texts.map((text, i) => call(ids[i]!, "chat.inject", { sessionKey: "order", text, role: "user" })),
          )
          yield* Effect.forEach(ids, (id) => talk.replyTo(id))
          const history = yield* talk.ask((id) => call(id, "sessions.history", { key: "order" }))
          expect(history).toMatchObject({ value: { messages: texts.map((text) => ({ text })) } })
        }),
      )

      it.effect("streams the values of a call, then answers it", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const id = talk.nextId()
          talk.socket.send(call(id, "chat.stream", { text: "one two", sessionKey: "stream" }))
          const values: Array<unknown> = []
          const end = yield* talk.find((said) => {
            if (said._tag === "Item") values.push(said.value)
            return said._tag === "Answer" ? said : undefined
          })
          expect(end.id).toBe(id)
          expect(values[0]).toMatchObject({ _tag: "Accepted", sessionKey: "stream" })
          expect(values.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "done" } })
        }),
      )

      it.effect("takes an id again once its call is answered", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          for (let i = 0; i < 3; i++) {
            talk.socket.send(call(7, "ping", {}))
            expect(yield* talk.replyTo(7)).toMatchObject({ _tag: "Answer", id: 7 })
          }
        }),
      )
    })
  })
}
