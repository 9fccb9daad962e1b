/** The promise of a question, with a gateway that is killed between the question and the use of its answer. */
import { describe, expect, it } from "@effect/vitest"
import { playStarts } from "../support/KilledStarts.ts"

type Start = readonly [moment: "request" | "answer" | "effect" | "never", color: string]

/** Starts the gateway so often, on one database. Returns the answered questions, the answers that the run got, the reply. */
const play = async (...starts: ReadonlyArray<Start>) => {
  const { effects, lines } = await playStarts("AskingGateway.ts", starts)
  return { answered: lines.filter((line) => line.startsWith("answered")).length, got: effects, reply: lines.at(-1) }
}

describe("A gateway that is killed while a run asks", () => {
  it("Killed after the question, it keeps the question, and the run gets its answer once.", async () => {
    const result = await play(["request", "red"], ["request", "blue"], ["never", "green"])
    expect(result).toEqual({ answered: 1, got: ["green"], reply: "reply answered color" })
  })

  it("Killed after the answer, the run gets it without a second question.", async () => {
    const result = await play(["answer", "red"], ["never", "blue"])
    expect(result).toEqual({ answered: 1, got: ["red"], reply: "reply answered color" })
  })

  it("Killed after the use of the answer, the next attempt gets the same answer.", async () => {
    const result = await play(["effect", "red"], ["never", "blue"])
    expect(result).toEqual({ answered: 1, got: ["red", "red"], reply: "reply answered color" })
  })
})
