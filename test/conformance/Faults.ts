/** Conformance of faults: the gateway answers each bad message with the right fault, and other messages are not affected. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../src/services/agents/EchoRuntime.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { open, speaksContract } from "./Client.ts"
import type { Driver } from "./Driver.ts"

/** Throws when `models.list` reads the name of its model. */
const broken: AgentRuntime = {
  name: "broken",
  models: [
    {
      id: "broken-1",
      get name(): never {
        throw new Error("a secret of this runtime")
      },
      runtime: "broken",
      contextWindow: null,
    },
  ],
  run: () => Stream.empty,
}

const NOT_JSON = ["", "\u0000", "{"]

const NESTED = `${"[".repeat(100)}${"]".repeat(100)}`

export const faults = (driver: Driver): void => {
  describe(`${driver.name}: faults`, () => {
    it.layer(TestGateway.layer(driver.gateway), { excludeTestServices: true })((it) => {
      it.effect("An unknown method gets a fault, and the connection goes on.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          expect(yield* client.ask(driver.unknown)).toMatchObject({ _tag: "Fault", fault: "unknown-method" })
          expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("A frame that the gateway cannot read gets a fault, and the connection goes on.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          // On a path that several dialects share, the first frame decides which of them the client speaks.
          yield* client.ask(driver.ping)
          const readable = driver.ignoresBrokenJson === true ? NOT_JSON : []
          const unreadable = [driver.malformed, NESTED, ...(driver.ignoresBrokenJson === true ? [] : NOT_JSON)]
          client.socket.send(...readable)
          for (const frame of unreadable) {
            client.socket.send(frame)
            expect((yield* client.fault).fault).toBe("malformed")
          }
          expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )
    })

    if (!speaksContract(driver)) return
    const { call, cancel } = driver.contract
    const runtimes = AgentRuntimes.add(echo, broken)
    const gateway = TestGateway.layer({ ...driver.gateway, runtimes, logLevel: "fatal" })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      const cases = [
        { name: "A missing parameter", method: "sessions.get", params: {}, fault: "invalid-params" },
        { name: "A parameter of another type", method: "sessions.get", params: { key: 1 }, fault: "invalid-params" },
        { name: "An error of the method", method: "sessions.get", params: { key: "nowhere" }, fault: "domain" },
        { name: "A defect", method: "models.list", params: {}, fault: "internal" },
      ]
      it.effect.each(cases)("$name gets the fault $fault, and the connection goes on.", ({ fault, method, params }) =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          expect(yield* client.ask((id) => call(id, method, params))).toMatchObject({ _tag: "Fault", fault })
          expect(yield* client.ask(driver.ping)).toMatchObject({ _tag: "Answer" })
        }),
      )

      it.effect("The answer to a call that hits a defect does not contain the defect's message.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          client.socket.send(call(client.nextId(), "models.list", {}))
          expect(yield* client.socket.next).not.toContain("secret")
        }),
      )

      it.effect("The gateway refuses an id that is in flight, and the call that has the id goes on.", () =>
        Effect.gen(function* () {
          const client = yield* open(driver)
          const id = client.nextId()
          client.socket.send(call(id, "chat.stream", { text: "/slow 60000 one two", sessionKey: "duplicate" }))
          yield* client.item
          client.socket.send(call(id, "ping", {}))
          expect((yield* client.fault).fault).toBe("duplicate-id")
          client.socket.send(cancel(id))
          expect(yield* client.fault).toMatchObject({ id, fault: "interrupted" })
        }),
      )
    })
  })
}
