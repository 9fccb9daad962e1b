/** RunEvents: the end of a failed run. test/gateway/ThinkingAgents.test.ts covers whole conversations. */
import { describe, expect, it } from "@effect/vitest"
import { ProblemKind } from "../../../../src/domain/RunError.ts"
import { ended } from "../../../../src/transport/openclaw/events/RunEvents.ts"
import { expectValid } from "../../../support/OpenClaw.ts"

const run = { runId: "r", sessionKey: "s", agentId: "main", outcome: "failed" } as const

const kindOf = (kind: ProblemKind | undefined) => {
  const error = { reason: "runtime", message: "no", ...(kind !== undefined && { kind }) } as const
  const [, payload] = ended({ ...run, error }, { seq: 1, at: 0 }, undefined).at(-1)!
  expectValid("ChatEvent", payload)
  return payload["errorKind"]
}

describe("RunEvents", () => {
  it("A failed run has the kind of its problem if OpenClaw's schema has it, and else `unknown`.", () => {
    const known = ProblemKind.literals.filter((kind) => kindOf(kind) !== "unknown")
    expect(known.map((kind) => [kind, kindOf(kind)])).toEqual([
      ["rate-limit", "rate_limit"],
      ["context-length", "context_length"],
      ["refusal", "refusal"],
      ["timeout", "timeout"],
    ])
    expect(kindOf(undefined)).toBe("unknown")
  })
})
