/** McpSessions: bounds, idle ends and owners of the sessions of MCP clients. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { McpSessions } from "../../../src/transport/mcp/McpSessions.ts"

const bounds = { perPrincipal: 3, total: 5, idleMs: 100 }

describe("McpSessions", () => {
  it("A principal cannot use the session of another one.", () => {
    const sessions = new McpSessions(bounds)
    sessions.add("s", "anna", 0)
    expect([sessions.use("s", "anna", 1), sessions.use("s", "bert", 1), sessions.use("t", "anna", 1)]).toEqual([
      true,
      false,
      false,
    ])
  })

  it("A session ends when nobody has used it for the idle time.", () => {
    const sessions = new McpSessions(bounds)
    sessions.add("a", "anna", 0)
    sessions.add("b", "anna", 0)
    sessions.use("a", "anna", 50)
    expect(sessions.removeExcess(100)).toEqual(["b"])
    expect(sessions.use("a", "anna", 149)).toBe(true)
  })

  it("A new session of a principal ends its least recently used one.", () => {
    const sessions = new McpSessions(bounds)
    for (const id of ["a", "b", "c"]) sessions.add(id, "anna", 0)
    sessions.add("x", "bert", 0)
    sessions.use("a", "anna", 1)
    sessions.add("d", "anna", 2)
    expect(sessions.removeExcess(2)).toEqual(["b"])
  })

  const Action = Schema.Struct({
    id: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
    principal: Schema.Literals(["anna", "bert", "carl"]),
    isNew: Schema.Boolean,
    after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  })

  it.prop("Sessions stay within the bounds, and no removed session is known.", [Schema.Array(Action)], ([actions]) => {
    const sessions = new McpSessions(bounds)
    const owners = new Map<string, string>()
    let now = 0
    actions.forEach(({ after, id, isNew, principal }, i) => {
      now += after
      if (isNew) {
        sessions.add(`new-${i}`, principal, now)
        owners.set(`new-${i}`, principal)
      } else {
        const known = [...owners.keys()].at(id)
        if (known !== undefined) {
          expect(sessions.use(known, principal, now)).toBe(owners.get(known) === principal)
        }
      }
      for (const removed of sessions.removeExcess(now)) expect(owners.delete(removed)).toBe(true)
      expect(sessions.size).toBe(owners.size)
      expect(sessions.size).toBeLessThanOrEqual(bounds.total)
      const counts = Map.groupBy(owners.values(), (owner) => owner)
      for (const owned of counts.values()) expect(owned.length).toBeLessThanOrEqual(bounds.perPrincipal)
    })
  })
})
