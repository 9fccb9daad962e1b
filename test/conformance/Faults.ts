/** What goes wrong with one message is said, and is no other message's loss. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../src/services/agents/EchoRuntime.ts"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { open, speaksContract } from "./Talk.ts"

/** What `models.list` asks it is a bug. */
const broken: AgentRuntime = {
  name: "broken",
  get models(): never {
    throw new Error("a secret of this runtime")
  },
  run: () => Stream.empty,
}

export const faults = (driver: Driver): void => {
  describe(`${driver.name}: faults`, () => {
    const gateway = TestGateway.layer({
      ...driver.gateway,
      runtimes: AgentRuntimes.add(echo, broken),
      logLevel: "fatal",
    })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      it.effect("answers what it does not know, and goes on", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          expect(yield* talk.ask(driver.unknown)).toMatchObject({ _tag: "Fault", fault: "unknown-method" })
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("answers what it cannot read, and goes on", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          // Where the first frame decides what is spoken, it is a good one.
          yield* talk.ask(driver.ping)
          for (const frame of [driver.malformed, "", "\u0000", `${"[".repeat(100)}${"]".repeat(100)}`]) {
            talk.socket.send(frame)
            const said = yield* talk.find((said) => (said._tag === "Fault" ? said : undefined))
            expect(said.fault).toBe("malformed")
          }
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      if (!speaksContract(driver)) return
      const { call, cancel } = driver.contract

      it.effect("tells bad parameters, a method's own error and a bug apart", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const ask = (method: string, params: unknown) => talk.ask((id) => call(id, method, params))
          expect(yield* ask("sessions.get", {})).toMatchObject({ fault: "invalid-params" })
          expect(yield* ask("sessions.get", { key: 1 })).toMatchObject({ fault: "invalid-params" })
          expect(yield* ask("sessions.get", { key: "nowhere" })).toMatchObject({ fault: "domain" })
          expect(yield* ask("models.list", {})).toMatchObject({ fault: "internal" })
          expect(yield* talk.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("says nothing of a bug but that there was one", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const id = talk.nextId()
          talk.socket.send(call(id, "models.list", {}))
          expect(yield* talk.socket.next).not.toContain("secret")
        }),
      )

      it.effect("refuses an id that is in flight, and serves the call that has it", () =>
        Effect.gen(function* () {
          const talk = yield* open(driver)
          const id = talk.nextId()
          const stream = call(id, "chat.stream", { text: "/slow 60000 one two", sessionKey: "duplicate" })
          talk.socket.send(stream)
          yield* talk.find((said) => (said._tag === "Item" ? said : undefined))
          talk.socket.send(call(id, "ping", {}))
          const said = yield* talk.find((said) => (said._tag === "Fault" ? said : undefined))
          expect(said.fault).toBe("duplicate-id")
          talk.socket.send(cancel(id))
          expect(yield* talk.find((said) => (said._tag === "Fault" ? said : undefined))).toMatchObject({
            id,
            fault: "interrupted",
          })
        }),
      )
    })
  })
}
