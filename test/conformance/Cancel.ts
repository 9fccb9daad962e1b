/** Conformance of cancellation: a cancelled call ends, its id is free again, and no other call is affected. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestGateway from "../support/TestGateway.ts"
import { open } from "./Client.ts"
import type { ContractDriver } from "./Driver.ts"

export const cancel = (driver: ContractDriver): void => {
  describe(`${driver.name}: cancel`, () => {
    const { call, cancel } = driver.contract
    const slow = (id: number) => call(id, "chat.stream", { text: `/slow 60000 ${"word ".repeat(50)}` })
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("A stream that the client cancels answers with an interruption and sends no more values.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const id = client.nextId()
          client.socket.send(slow(id))
          yield* client.item
          client.socket.send(cancel(id))
          expect(yield* client.replyTo(id)).toMatchObject({ _tag: "Fault", id, fault: "interrupted" })
          client.socket.send(call(id, "ping", {}))
          const next = yield* client.find((received) =>
            received._tag === "Item" || received._tag === "Answer" ? received : undefined,
          )
          expect(next).toMatchObject({ _tag: "Answer", id })
        }),
      )

      it.effect("A cancellation ends one call and no other.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const [one, other] = [client.nextId(), client.nextId()]
          client.socket.send(call(one, "runs.wait", { runId: "nobody" }), slow(other))
          yield* client.replyTo(one)
          yield* client.item
          const waiting = client.nextId()
          const run = yield* client.ask((id) =>
            call(id, "chat.send", { text: "/slow 60000 x", sessionKey: "cancelled" }),
          )
          const { runId } = (run as { value: { runId: string } }).value
          client.socket.send(call(waiting, "runs.wait", { runId }), cancel(waiting))
          expect(yield* client.replyTo(waiting)).toMatchObject({ id: waiting, fault: "interrupted" })
          client.socket.send(cancel(other))
          expect(yield* client.replyTo(other)).toMatchObject({ id: other, fault: "interrupted" })
        }),
      )

      it.effect("The cancellation of a call that is not in flight has no effect.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          client.socket.send(cancel(4_711))
          expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )
    })
  })
}
