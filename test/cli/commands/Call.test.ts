import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway call", (it) => {
  it.effect("The command prints the result of a method, or a line for each streamed value, as JSON.", () =>
    Effect.gen(function* () {
      expect(json(yield* cli("call", "agents.list"))).toMatchObject({ defaultId: "main" })
      expect(json(yield* cli("call", "sessions.create", '{"key":"s"}'))).toMatchObject({ key: "s" })
      const { stdout } = yield* cli("call", "chat.stream", '{"text":"hello"}')
      const items = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { readonly _tag: string })
      expect(items[0]).toMatchObject({ _tag: "Accepted" })
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded" } })
    }),
  )

  it.effect("An unknown method fails with the names of similar methods.", () =>
    Effect.gen(function* () {
      const { code, line } = failure(yield* cli("call", "sesions.list"))
      expect(code).toBe(2)
      expect(line).toMatch(/^causeway: unknown method "sesions\.list"\. Did you mean "sessions\.list".*\?$/)
      expect(failure(yield* cli("call", "frobnicate")).line).toBe(
        'causeway: unknown method "frobnicate": see docs/protocol/methods.md for the methods',
      )
    }),
  )

  it.effect("Invalid parameters fail with the name of the field, and a failed call with the error.", () =>
    Effect.gen(function* () {
      expect(failure(yield* cli("call", "sessions.get", '{"key":5}'))).toEqual({
        code: 2,
        line: "causeway: invalid parameters of sessions.get: key: expected string",
      })
      expect(failure(yield* cli("call", "sessions.get", "{key:5}"))).toMatchObject({ code: 2 })
      expect(failure(yield* cli("call", "sessions.get", '{"key":"nowhere"}'))).toMatchObject({ code: 1 })
    }),
  )
})
