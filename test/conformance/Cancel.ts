/** Cancelling: the call ends, its id is free, and nothing else is touched. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestGateway from "../support/TestGateway.ts"
import type { ContractDriver } from "./Driver.ts"
import { open } from "./Talk.ts"

export const cancel = (driver: ContractDriver): void => {
  describe(`${driver.name}: cancel`, () => {
    const { call, cancel } = driver.contract
    const slow = (id: number) => call(id, "chat.stream", { text: `/slow 60000 ${"word ".repeat(50)}` })
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("ends a stream in the middle: it answers so, and says no more", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const id = talk.nextId()
          talk.socket.send(slow(id))
          yield* talk.find((said) => (said._tag === "Item" ? said : undefined))
          talk.socket.send(cancel(id))
          expect(yield* talk.replyTo(id)).toMatchObject({ _tag: "Fault", id, fault: "interrupted" })
          talk.socket.send(call(id, "ping", {}))
          const next = yield* talk.find((said) => (said._tag === "Item" || said._tag === "Answer" ? said : undefined))
          expect(next).toMatchObject({ _tag: "Answer", id })
        }),
      )

      it.effect("ends one call and no other", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const [one, other] = [talk.nextId(), talk.nextId()]
          talk.socket.send(call(one, "runs.wait", { runId: "nobody" }), slow(other))
          yield* talk.replyTo(one)
          yield* talk.find((said) => (said._tag === "Item" ? said : undefined))
          const waiting = talk.nextId()
          const run = yield* talk.ask((id) => call(id, "chat.send", { text: "/slow 60000 x", sessionKey: "cancelled" }))
          const { runId } = (run as { value: { runId: string } }).value
          talk.socket.send(call(waiting, "runs.wait", { runId }), cancel(waiting))
          expect(yield* talk.replyTo(waiting)).toMatchObject({ id: waiting, fault: "interrupted" })
          talk.socket.send(cancel(other))
          expect(yield* talk.replyTo(other)).toMatchObject({ id: other, fault: "interrupted" })
        }),
      )

      it.effect("leaves alone what is not in flight", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          talk.socket.send(cancel(4_711))
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )
    })
  })
}
