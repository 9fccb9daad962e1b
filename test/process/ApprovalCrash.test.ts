/** The promise of an approval, with a gateway that is killed between the request and the end of the call. */
import { describe, expect, it } from "@effect/vitest"
import { playStarts } from "../support/KilledStarts.ts"

type Start = readonly [moment: "request" | "decision" | "use" | "effect" | "never", decision: "allow-once" | "deny"]

/** Starts the gateway so often, on one database. Returns the decisions, the calls that ran, and the reply. */
const play = async (starts: ReadonlyArray<Start>) => {
  const { effects, lines } = await playStarts("ApprovingGateway.ts", starts)
  return { ran: effects, decided: lines.filter((line) => line.startsWith("decided")), reply: lines.at(-1) }
}

describe("A gateway that is killed while a call needs an approval", () => {
  it("Killed after the request, it asks with the same approval and runs the call once.", async () => {
    const { decided, ran, reply } = await play([
      ["request", "deny"],
      ["request", "deny"],
      ["never", "allow-once"],
    ])
    expect({ decided: decided.length, ran, reply }).toEqual({ decided: 1, ran: ["x"], reply: "reply ran x" })
  })

  it("Killed after the decision, it runs the call once without another one.", async () => {
    const { decided, ran, reply } = await play([
      ["decision", "allow-once"],
      ["never", "deny"],
    ])
    expect({ decided: decided.length, ran, reply }).toEqual({ decided: 1, ran: ["x"], reply: "reply ran x" })
  })

  it("Killed after a denial, it asks again and never runs the call.", async () => {
    const { ran, reply } = await play([
      ["decision", "deny"],
      ["never", "deny"],
    ])
    expect(ran).toEqual([])
    expect(reply).toContain("an operator denied it")
  })

  it("Killed after the use, the decision is used up and the call needs a new one.", async () => {
    const { decided, ran } = await play([
      ["use", "allow-once"],
      ["never", "deny"],
    ])
    expect({ decided: new Set(decided).size, ran }).toEqual({ decided: 2, ran: [] })
  })

  it("Killed after the call has acted, it does not act again without a new decision.", async () => {
    const { decided, ran } = await play([
      ["effect", "allow-once"],
      ["never", "deny"],
    ])
    expect({ decided: new Set(decided).size, ran }).toEqual({ decided: 2, ran: ["x"] })
  })
})
