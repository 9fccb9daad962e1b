import { describe, expect, it } from "@effect/vitest"
import { originOf, originProblem } from "../../src/domain/PageOrigin.ts"

describe("originOf", () => {
  it.each([
    ["https://dash.example.org", "https://dash.example.org"],
    ["HTTPS://Dash.Example.org:443/", "https://dash.example.org"],
    ["http://localhost:5173", "http://localhost:5173"],
    ["chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"],
    ["moz-extension://3f2504e0-4f89-11d3-9a0c-0305e82c3301", "moz-extension://3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
    ["tauri://localhost", "tauri://localhost"],
    ["file://", "file://"],
    ["null", undefined],
    ["", undefined],
    ["dash.example.org", undefined],
    ["localhost:5173", undefined],
    ["data:text/html,x", undefined],
    ["https://a.example https://b.example", undefined],
  ])("The origin of %s is %s.", (url, origin) => {
    expect(originOf(url)).toBe(origin)
  })
})

describe("originProblem", () => {
  it.each([
    "https://dash.example.org",
    "https://dash.example.org/",
    "http://[::1]:5173",
    "chrome-extension://a",
    "file://",
  ])("The entry %s of allowedOrigins is accepted.", (entry) => expect(originProblem(entry)).toBeUndefined())

  it.each([
    ["*", "patterns are not supported: list each origin, e.g. https://dash.example.org"],
    ["https://*.example.org", "patterns are not supported: list each origin, e.g. https://dash.example.org"],
    ["null", "any sandboxed page has the origin null: give the page an origin of its own and list that"],
    ["dash.example.org", "not an origin: write scheme and host, e.g. https://dash.example.org"],
    ["localhost:5173", "not an origin: write scheme and host, e.g. https://dash.example.org"],
    ["", "not an origin: write scheme and host, e.g. https://dash.example.org"],
    ["https://dash.example.org/app", "an origin has no path and no user: write https://dash.example.org"],
    ["https://me@dash.example.org?x", "an origin has no path and no user: write https://dash.example.org"],
  ])("The entry %j of allowedOrigins is refused with the next step.", (entry, problem) => {
    expect(originProblem(entry)).toBe(problem)
  })
})
