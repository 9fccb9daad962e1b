/** Problems: the error texts for people. */
import { describe, expect, it } from "@effect/vitest"
import type { Fault } from "../../../src/transport/dialect/Fault.ts"
import { problemOf } from "../../../src/transport/mission-control/Problems.ts"

const error = (_tag: string): Fault => ({ _tag: "Domain", error: { _tag } })
const forbidden: Fault = { _tag: "Denied", refusal: { _tag: "Forbidden", missingScope: "operator.write" } }

const table: ReadonlyArray<readonly [method: string, fault: Fault, problem: string]> = [
  ["write_file", forbidden, "Not allowed without operator.write"],
  ["sessions", { _tag: "Denied", refusal: { _tag: "Unauthenticated", reason: "missing" } }, "Not authenticated"],
  [
    "ping",
    { _tag: "Limited", limit: "messages-per-second", retryAfterMs: 12 },
    "Too many messages, try again in 12 ms",
  ],
  ["session_history", error("SessionNotFound"), "Failed to get session history"],
  ["session_history", { _tag: "InvalidParams", issue: "key" }, "Failed to get session history"],
  ["create_file", error("DocumentExists"), "File already exists"],
  ["write_file", error("MemoryUnavailable"), "File could not be written"],
  ["write_file", { _tag: "InvalidParams", issue: "date" }, "File could not be written"],
  ["files", error("MemoryUnavailable"), "Failed to get files"],
  ["file", error("DocumentTooLarge"), "Failed to get file"],
  ["files", { _tag: "Interrupted" }, "Failed to get files"],
  ["files", { _tag: "Internal" }, "Internal error"],
]

describe("Problems", () => {
  it.each(table)("The text for %s with %o is: %s.", (method, fault, problem) => {
    expect(problemOf(method, fault)).toBe(problem)
  })

  it("No text contains the path of the folder.", () => {
    const fault: Fault = { _tag: "Domain", error: { _tag: "MemoryUnavailable", detail: "EACCES /home/luna/secret" } }
    for (const method of ["write_file", "create_file", "files", "file"]) {
      expect(problemOf(method, fault)).not.toContain("luna")
    }
  })
})
