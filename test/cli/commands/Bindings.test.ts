import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway bindings", (it) => {
  it.effect("The command sets, lists and removes bindings.", () =>
    Effect.gen(function* () {
      expect((yield* cli("bindings", "list")).stdout).toBe("No bindings: the agent main answers all messages.\n")
      yield* cli("bindings", "set", "main", "--channel", "telegram", "--priority", "3")
      yield* cli("bindings", "set", "main", "--peer", "telegram:42")
      expect((yield* cli("bindings", "list")).stdout).toMatch(
        /^TIER .*\n1 +peer_id telegram:42 +main +0\n4 +channel telegram +main +3\n$/,
      )
      const remove = ["bindings", "remove", "main", "--peer", "telegram:42", "--yes"]
      expect(json(yield* cli(...remove, "--json"))).toEqual({ removed: true })
      expect(failure(yield* cli(...remove))).toMatchObject({
        code: 1,
        line: expect.stringContaining('no binding of peer_id telegram:42 to agent "main"'),
      })
    }),
  )

  it.effect("A binding needs an existing agent and one property at most.", () =>
    Effect.gen(function* () {
      expect(failure(yield* cli("bindings", "set", "nobody"))).toMatchObject({ code: 1 })
      expect(failure(yield* cli("bindings", "set", "main", "--peer", "1", "--guild", "2"))).toMatchObject({
        code: 2,
        line: expect.stringContaining("a binding matches by one property"),
      })
    }),
  )
})
