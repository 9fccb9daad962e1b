import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ToolPermission } from "../../src/domain/Agent.ts"
import { permissionFor } from "../../src/domain/Tool.ts"

/** Names of few letters, so that patterns often match. */
const Name = Schema.String.check(Schema.isPattern(/^[ab_]{1,4}$/))
const Pattern = Schema.String.check(Schema.isPattern(/^([ab_]{1,4}|[ab_]{0,4}\*)$/))

const matches = (pattern: string, name: string) =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name

describe("permissionFor", () => {
  it.each([
    ["no setting: the tool's own", {}, "ask"],
    ["the exact name", { files_read: "allow", "files_*": "deny", "*": "deny" }, "allow"],
    ["the longest prefix", { "files_r*": "allow", "files_*": "deny", "f*": "deny" }, "allow"],
    ["the star for all others", { "mail_*": "allow", "*": "deny" }, "deny"],
    ["a star within a name matches nothing", { "fi*read": "allow" }, "ask"],
    ["no inherited property", JSON.parse('{"__proto__": "allow"}'), "ask"],
  ] as const)("The permission comes from %s.", (_, permissions, expected) => {
    expect(permissionFor({ name: "files_read", permission: "ask" }, permissions)).toBe(expected)
  })

  it("A tool named as a property of every object has its own permission.", () => {
    expect(permissionFor({ name: "constructor", permission: "deny" }, {})).toBe("deny")
  })

  it.prop(
    "The permission is that of the longest matching pattern, an exact name before a prefix.",
    { name: Name, own: ToolPermission, permissions: Schema.Record(Pattern, ToolPermission) },
    ({ name, own, permissions }) => {
      const rank = (pattern: string) => pattern.length - (pattern.endsWith("*") ? 1 : 0) + (pattern === name ? 0.5 : 0)
      const best = Object.keys(permissions)
        .filter((pattern) => matches(pattern, name))
        .sort((a, b) => rank(b) - rank(a))[0]
      expect(permissionFor({ name, permission: own }, permissions)).toBe(best === undefined ? own : permissions[best])
    },
  )
})
