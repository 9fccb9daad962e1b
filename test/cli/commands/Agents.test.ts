import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway agents", (it) => {
  it.effect("The command creates, changes, lists and deletes an agent.", () =>
    Effect.gen(function* () {
      const luna = json(yield* cli("agents", "create", "Luna", "--personality", "You sing.", "--json"))
      expect(luna).toMatchObject({ id: "luna", name: "Luna", personality: "You sing." })
      expect(json(yield* cli("agents", "update", "luna", "--dm-scope", "main", "--json"))).toMatchObject({
        id: "luna",
        dmScope: "main",
        personality: "You sing.",
      })
      expect((yield* cli("agents", "list")).stdout).toMatch(/^luna +Luna .* You sing\.$/m)
      yield* cli("bindings", "set", "luna", "--channel", "telegram")
      expect(json(yield* cli("agents", "delete", "luna", "--yes", "--json"))).toEqual({ removedBindings: 1 })
    }),
  )

  it.effect("The flags of create and update set everything that an agent has.", () =>
    Effect.gen(function* () {
      const tools = ["--tool", "files_*=allow", "--tool", "*=ask"]
      const models = ["--model", "first", "--fallback", "second", "--fallback", "third"]
      const more = ["--document", "2026-11-27", "--thinking", "low", "--queue", "steer"]
      expect(json(yield* cli("agents", "create", "Rich", ...tools, ...models, ...more, "--json"))).toMatchObject({
        tools: { "files_*": "allow", "*": "ask" },
        model: "first",
        fallbacks: ["second", "third"],
        documents: ["2026-11-27"],
        thinking: "low",
        queue: "steer",
      })
      const changes = ["--fallback", "", "--tool", "shell=deny", "--thinking", "high"]
      expect(json(yield* cli("agents", "update", "rich", ...changes, "--json"))).toMatchObject({
        tools: { shell: "deny" },
        fallbacks: [],
        documents: ["2026-11-27"],
        thinking: "high",
      })
      expect((yield* cli("agents", "update", "rich", "--tool", "shell=maybe")).stderr).toContain(
        "NAME=allow, NAME=ask or NAME=deny",
      )
    }),
  )

  it.effect("A new agent comes with the command that chats with it.", () =>
    Effect.gen(function* () {
      expect((yield* cli("agents", "create", "Nova")).stdout).toBe(
        "Created agent nova. Chat with it: causeway chat --agent nova\n",
      )
    }),
  )

  it.effect("Each impossible change fails with one line.", () =>
    Effect.gen(function* () {
      expect(failure(yield* cli("agents", "delete", "main", "--yes")).line).toContain('agent "main" cannot be deleted')
      expect(failure(yield* cli("agents", "create", "Main")).line).toContain('agent "main" already exists')
      expect(failure(yield* cli("agents", "create", ""))).toMatchObject({ code: 2 })
      expect(failure(yield* cli("agents", "update", "nobody"))).toEqual({
        code: 1,
        line: 'causeway: no agent "nobody" (see `causeway agents list`)',
      })
    }),
  )
})
