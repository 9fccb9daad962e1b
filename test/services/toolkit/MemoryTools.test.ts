import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Approvals } from "../../../src/services/approvals/Approvals.ts"
import { Memory } from "../../../src/services/memory/Memory.ts"
import { untilEvent } from "../../support/Published.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { callTool, sender, useTool } from "../../support/ToolCalls.ts"

const writer = { agent: { tools: { memory_write: "allow" as const } }, principal: sender("operator.write") }

const write = (id: string, content: string) => Effect.flatMap(Memory, (memory) => memory.write(id, content))

layer(TestGateway.layer())("MemoryTools", (it) => {
  describe("memory_search", () => {
    it.effect("Documents with the most words come first, with the lines that contain them.", () =>
      Effect.gen(function* () {
        yield* write("pets", "# Pets\nThe cat is called Mia.\nNobody has a dog.")
        yield* write("work", "The cat video is due on Monday.")
        const { documents } = yield* useTool("memory_search", { words: "CAT mia" }, writer)
        expect(documents).toEqual([
          { id: "pets", lines: ["The cat is called Mia."] },
          { id: "work", lines: ["The cat video is due on Monday."] },
        ])
        expect((yield* useTool("memory_search", { words: "" }, writer)).documents).toHaveLength(2)
        expect((yield* useTool("memory_search", { words: "elephant" }, writer)).documents).toEqual([])
      }),
    )
  })

  describe("memory_read", () => {
    it.effect("A long document comes in parts.", () =>
      Effect.gen(function* () {
        yield* write("long", "a".repeat(20_000))
        const first = yield* useTool("memory_read", { id: "long" }, writer)
        expect(first).toEqual({ content: "a".repeat(16_000), nextOffset: 16_000 })
        const rest = yield* useTool("memory_read", { id: "long", offset: 16_000 }, writer)
        expect(rest).toEqual({ content: "a".repeat(4_000) })
      }),
    )

    it.effect("An id never leaves the folder.", () =>
      Effect.gen(function* () {
        for (const id of ["../causeway.db", "/etc/passwd", ".hidden", "a/b", "a\u0000b"]) {
          expect((yield* callTool("memory_read", { id }, writer)).isError).toBe(true)
        }
        expect((yield* callTool("memory_read", { id: "missing" }, writer)).text).toBe(
          "Document not found. Call memory_search for the ids of documents.",
        )
      }),
    )
  })

  describe("memory_write", () => {
    it.effect("A permitted agent writes a document that others read.", () =>
      Effect.gen(function* () {
        const memory = yield* Memory
        expect(yield* useTool("memory_write", { id: "plan", content: "one" }, writer)).toEqual({ id: "plan", bytes: 3 })
        expect((yield* memory.read("plan")).content).toBe("one")
        const again = yield* callTool("memory_write", { id: "plan", content: "two", create: true }, writer)
        expect(again.text).toContain("Document exists")
      }),
    )

    it.effect("An agent without a setting needs an approval.", () =>
      Effect.gen(function* () {
        const approvals = yield* Approvals
        const memory = yield* Memory
        const call = yield* Effect.forkChild(callTool("memory_write", { id: "x", content: "x" }))
        yield* untilEvent(() => approvals.waiting().length === 1)
        expect(approvals.waiting()).toMatchObject([{ tool: "memory_write", input: '{"id":"x","content":"x"}' }])
        yield* approvals.decide(approvals.waiting()[0]!.id, "deny", "ann")
        expect((yield* Fiber.join(call)).isError).toBe(true)
        expect(yield* Effect.flip(memory.read("x"))).toMatchObject({ _tag: "DocumentNotFound" })
      }),
    )
  })

  it.effect("Each tool needs the sender's right.", () =>
    Effect.gen(function* () {
      const nobody = { ...writer, principal: sender() }
      expect((yield* callTool("memory_search", { words: "cat" }, nobody)).text).toContain("operator.read")
      expect((yield* callTool("memory_read", { id: "pets" }, nobody)).text).toContain("operator.read")
      const reader = { ...writer, principal: sender("operator.read") }
      expect((yield* callTool("memory_write", { id: "x", content: "x" }, reader)).text).toContain("operator.write")
    }),
  )
})
