import { describe, expect, it } from "@effect/vitest"
import { answerFor, permissionOf } from "../../../../src/services/runtimes/acp/AgentPermissions.ts"

describe("AgentPermissions", () => {
  it.each([
    ["edit", {}, undefined, "ask"],
    ["edit", { edit: "allow" }, undefined, "allow"],
    ["edit", { "*": "deny" }, undefined, "deny"],
    ["edit", { "*": "deny", edit: "allow" }, undefined, "allow"],
    ["edit", { edit: "allow" }, { execute: "deny" }, "allow"],
    ["edit", { edit: "allow" }, { edit: "deny" }, "deny"],
    ["edit", { edit: "allow" }, { "*": "deny" }, "deny"],
    ["edit", { edit: "deny" }, { "*": "allow" }, "allow"],
  ] as const)("The permission for %s with %j and the agent's %j is as listed.", (kind, runtime, agent, expected) => {
    expect(permissionOf(kind, runtime, agent)).toBe(expected)
  })

  const options = (...kinds: ReadonlyArray<string>) => kinds.map((kind) => ({ optionId: kind, kind }))

  it.each([
    [true, ["allow_always", "allow_once", "reject_once"], "allow_once"],
    [true, ["allow_always"], "allow_always"],
    [true, ["reject_once"], undefined],
    [false, ["reject_always", "reject_once"], "reject_once"],
    [false, ["reject_always"], "reject_always"],
    [false, ["allow_once", "allow_always"], undefined],
    [false, [], undefined],
  ])("The answer for allowed = %s among %j is as listed.", (allowed, kinds, expected) => {
    expect(answerFor(allowed, options(...kinds))).toBe(expected)
  })
})
