/** Template: values of a request in the text of a mapping. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fill, publicHeaders, valueAt, type Values } from "../../../src/transport/hooks/Template.ts"

const values: Values = {
  payload: { user: { name: "Ada" }, messages: [{ subject: "hello" }], count: 3, none: null, "a-b": "dash" },
  headers: { "x-event": "push" },
  query: new URLSearchParams("k=v"),
  path: "mail",
  now: "2026-11-27T20:00:00.000Z",
}

describe("fill", () => {
  it.each([
    ["plain", "plain"],
    ["{{user.name}} {{ messages[0].subject }}", "Ada hello"],
    ["{{payload.user.name}} {{count}} {{a-b}}", "Ada 3 dash"],
    ["{{user}}", '{"name":"Ada"}'],
    ["{{headers.X-Event}} {{query.k}} {{path}} {{now}}", "push v mail 2026-11-27T20:00:00.000Z"],
    ["[{{missing}}{{none}}{{messages[9].subject}}{{query.z}}{{headers.z}}{{}}]", "[]"],
    ["{{constructor}}{{__proto__}}{{user.toString}}{{messages.length}}{{headers.constructor}}", "1"],
    ["{{{user.name}}}", "{Ada}"],
    ["{{user.name", "{{user.name"],
  ])("The template %s becomes %s.", (template, text) => {
    expect(fill(template, values)).toBe(text)
  })

  it("An item of a list is {{item}}.", () => {
    expect(fill("{{item.a[0]}} {{user.name}}", { ...values, item: { a: ["x"] } })).toBe("x Ada")
  })

  it("A value with the form of a template is not filled again.", () => {
    expect(fill("{{a}}", { ...values, payload: { a: "{{b}}", b: "secret" } })).toBe("{{b}}")
  })

  it("Headers with credentials are no values.", () => {
    expect(publicHeaders({ authorization: "x", cookie: "x", "x-openclaw-token": "x", "x-a": "1" })).toEqual({
      "x-a": "1",
    })
  })

  it("Values that repeat a long body do not fill the memory.", () => {
    const long = { ...values, payload: { a: "x".repeat(200_000) } }
    expect(fill("{{a}}".repeat(2_000), long).length).toBeLessThanOrEqual(1_048_576)
  })

  it.prop(
    "Every path in every value leads to an own member or to nothing.",
    [Schema.Json, Schema.String],
    ([json, path]) => {
      expect(() => fill(`{{${path}}}`, { ...values, payload: json })).not.toThrow()
      expect(typeof valueAt(json, path)).not.toBe("function")
    },
  )
})
