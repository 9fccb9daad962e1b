import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json, open } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway connections", (it) => {
  it.effect("The command lists connections and closes one, whose client reconnects.", () =>
    Effect.gen(function* () {
      const tail = yield* open("tail", "--json")
      yield* tail.prints("CaughtUp")
      const { connections } = json(yield* cli("connections", "list", "--json")) as {
        readonly connections: ReadonlyArray<{ readonly id: string }>
      }
      expect(connections).toHaveLength(2)
      const [{ id } = { id: "" }] = connections
      expect((yield* cli("connections", "close", id, "--reason", "maintenance")).stdout).toBe(
        `Closed connection ${id}. Its client may reconnect.\n`,
      )
      yield* tail.prints(/"Joined".*\n[^]*"Joined"/)
      expect(failure(yield* cli("connections", "close", id)).line).toContain(`no connection "${id}"`)
    }),
  )
})
