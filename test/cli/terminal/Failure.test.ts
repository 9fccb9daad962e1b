import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { failureOf } from "../../../src/cli/terminal/Failure.ts"

describe("failureOf", () => {
  it("A reply that this version cannot decode fails with the version, not with the schema.", () => {
    const answer = Schema.decodeUnknownResult(Schema.Struct({ added: Schema.String }))({})
    const { exitCode, line } = failureOf(Cause.die(Result.getOrThrow(Result.flip(answer))))
    expect(exitCode).toBe(1)
    expect(line).toMatch(/^the gateway runs another version than this command/)
    expect(line).not.toContain("added")
  })

  it("Every failure is one line.", () => {
    expect(failureOf(Cause.die(new Error("first\n  second\nthird"))).line).toBe(
      "unexpected error, please report it: first second third",
    )
  })
})
