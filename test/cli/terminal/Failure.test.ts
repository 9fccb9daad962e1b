import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { failureOf } from "../../../src/cli/terminal/Failure.ts"

describe("the end of a command", () => {
  it("where the gateway answers what this version does not understand, names the versions and not the schema", () => {
    const answer = Schema.decodeUnknownResult(Schema.Struct({ added: Schema.String }))({})
    const { exitCode, line } = failureOf(Cause.die(Result.getOrThrow(Result.flip(answer))))
    expect(exitCode).toBe(1)
    expect(line).toMatch(/^the gateway is of another version than this command/)
    expect(line).not.toContain("added")
  })

  it("is one line, whatever went wrong", () => {
    expect(failureOf(Cause.die(new Error("first\n  second\nthird"))).line).toBe(
      "this should not have happened: first second third",
    )
  })
})
