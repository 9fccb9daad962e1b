import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { toError } from "../../src/client/Rejection.ts"
import { SessionNotFound } from "../../src/domain/Session.ts"

describe("toError", () => {
  it("An error of the contract stays the same object and gets a message with its facts.", () => {
    const error = new SessionNotFound({ sessionKey: "work" })
    expect(toError(Cause.fail(error), undefined)).toBe(error)
    expect(error.message).toBe('Session not found (sessionKey: "work")')
  })

  it("An error that has a message keeps it.", () => {
    expect(toError(Cause.fail(new Error("the disk is full")), undefined).message).toBe("the disk is full")
  })

  it("A failure that is not an Error becomes one.", () => {
    expect(toError(Cause.fail("no disk"), undefined)).toEqual(new Error("no disk"))
  })

  it("Every failure of a closed client says that it is closed.", () => {
    expect(toError(Cause.fail(new Error("the disk is full")), "closed").message).toBe("closed")
  })
})
