import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway memory", (it) => {
  it.effect("The command writes a document and reads it back unchanged.", () =>
    Effect.gen(function* () {
      const text = "# Plans\n\n- none\n"
      expect((yield* cli("memory", "list")).stdout).toBe("No documents.\n")
      expect((yield* cli("memory", "write", "plans", text)).stdout).toBe("plans: 16 bytes\n")
      expect((yield* cli("memory", "read", "plans")).stdout).toBe(text)
      expect(json(yield* cli("memory", "list", "--json"))).toMatchObject({ documents: [{ id: "plans", size: 16 }] })
      expect(failure(yield* cli("memory", "write", "plans", "x", "--create")).line).toContain(
        'document "plans" already exists: omit --create',
      )
      expect(failure(yield* cli("memory", "read", "../token")).code).toBe(2)
    }),
  )
})
